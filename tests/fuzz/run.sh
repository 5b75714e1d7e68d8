#!/usr/bin/env bash
# run.sh BUILD [SECONDS]: every fuzzer of a build, two at a time, over its kept corpus and then for a few seconds more.
# A crash, a leak or an input that takes longer than 10 s is a failure; what was found stays in BUILD/fuzz-NAME.
set -uo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:?which build folder?}") seconds=${2:-8}
export build seconds

examine() { # NAME
    local corpus=tests/fuzz/corpus/$1 found=$build/fuzz-$1 log=$build/fuzz-$1.log
    mkdir -p "$found"
    if [ -d "$corpus" ] && "$build/tests/fuzz_$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$found/" "$found" "$corpus" >"$log" 2>&1; then
        echo "ok      $1: $(grep -E '^Done' "$log" | tail -1)"
    else
        printf 'FAILED  %s\n%s\n' "$1" "$(tail -40 "$log")"
    fi
}
export -f examine

basename -s .c tests/fuzz/fuzz_*.c | sed 's/^fuzz_//' | xargs -P 2 -I NAME bash -c 'examine NAME' | tee "$build/fuzz.log"
passed=$(grep -c '^ok ' "$build/fuzz.log") failed=$(grep -c '^FAILED ' "$build/fuzz.log")
[ $((passed + failed)) -eq "$(ls tests/fuzz/fuzz_*.c | wc -l)" ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
