#!/usr/bin/env bash
# run.sh [SUITE...]: the one test command.  Installs what it needs, builds, and runs every suite:
# unit, abi and plugins under ASan and UBSan (gcc), a build without a warning by clang, lint, fuzz
# (a short run over kept corpora), and e2e against real servers.  The last line is the total.
set -uo pipefail
cd "$(dirname "$0")/.."
suites=("$@")
[ ${#suites[@]} -eq 0 ] && suites=(dev clang lint fuzz e2e)
passed=0 failed=0
logs=build/test-logs
mkdir -p $logs

say() { printf '\n== %s\n' "$*"; }
count() { passed=$((passed + $1)); failed=$((failed + $2)); }

# A step that succeeds or fails as a whole; its output is shown where it fails.
step() { # NAME COMMAND...
    local name=$1 log=$logs/$1.log start=$SECONDS; shift
    if "$@" >"$log" 2>&1; then
        count 1 0; echo "ok      $name ($((SECONDS - start)) s)"
    else
        count 0 1; echo "FAILED  $name"; tail -60 "$log"; return 1
    fi
}
# A step that counts for itself, by a last line "N passed, N failed".
tally() { # NAME COMMAND...
    local name=$1 log=$logs/$1.log start=$SECONDS line; shift
    "$@" >"$log" 2>&1
    local code=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1)
    if [ -z "$line" ]; then
        count 0 1; echo "FAILED  $name: it printed no total"; tail -60 "$log"; return
    fi
    read -r p _ f _ <<<"$line"
    [ "$code" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    count "$p" "$f"
    echo "$([ "$f" -eq 0 ] && echo 'ok     ' || echo 'FAILED ') $name: ${p} passed, ${f} failed ($((SECONDS - start)) s)"
    grep '^passed at the second try' "$log"
    [ "$f" -eq 0 ] || tail -80 "$log"
}

packaging/install-deps.sh test || { echo "packages could not be installed"; echo "0 passed, 1 failed"; exit 1; }

for suite in "${suites[@]}"; do
    say "$suite"
    case $suite in
    dev)
        step build-dev sh -c 'cmake --preset dev && cmake --build --preset dev' && tally ctest tests/ctest.sh build/dev ;;
    clang) step build-clang sh -c 'cmake --preset clang && cmake --build --preset clang' ;;
    lint) tally lint tests/lint/run.sh ;;
    fuzz) step build-fuzz sh -c 'cmake --preset fuzz && cmake --build --preset fuzz --target fuzzers' && tally fuzz tests/fuzz/run.sh build/fuzz ;;
    e2e)
        step build-release sh -c 'cmake --preset release -DRUNBOOKD_TESTS=OFF -DRUNBOOKD_WERROR=ON && cmake --build --preset release' && tally e2e tests/e2e/run.sh build/dev ;;
    *) echo "there is no suite $suite: dev clang lint fuzz e2e"; count 0 1 ;;
    esac
done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
