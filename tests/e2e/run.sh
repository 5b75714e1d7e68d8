#!/usr/bin/env bash
# run.sh BUILD [pytest arguments]: the agent of that build against real servers, which the tests start on
# loopback in temporary folders.  Every line that any agent wrote is held against the schema.  Without
# arguments all of them: those that judge by the clock first; most of their time they wait, so several run at a time.
# A machine that is shared stands still now and then: a few that failed (a dozen of 1,700, never more) run
# once more, alone, and are named, so that nobody takes one that needs luck for a good one.
set -uo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:?which build folder?}"); shift
export RUNBOOKD=$build/bin/runbookd RUNBOOKD_BUILD=$build
export RUNBOOKD_LINES=$build/e2e-lines.ndjson
export PYTHONDONTWRITEBYTECODE=1 ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
RUNBOOKD_NPM=$(tests/npm.sh) || { echo "the npm packages of tests/npm could not be installed"; echo "0 passed, 1 failed"; exit 1; }
export RUNBOOKD_NPM # servers and oracles that Debian does not have
unset DATABASE_URL REDIS_URL CLICKHOUSE_URL PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE http_proxy https_proxy
: >"$RUNBOOKD_LINES"
by_the_clock=(tests/e2e/test_{faults,bad_days,judgement,run,postgres_manners}.py)
log=$build/e2e.log
passed=0 failed=0

number() { grep -oE "[0-9]+ $1" <<<"$2" | grep -oE '^[0-9]+' || echo 0; }
examine() {
    local last p f again
    /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short --durations=30 --durations-min=5 "$@" 2>&1 | tee "$log"
    last=$(tail -1 "$log")
    p=$(number passed "$last")
    f=$(($(number failed "$last") + $(number 'errors?' "$last") + $(number skipped "$last")))
    mapfile -t again < <(grep -E '^(FAILED|ERROR) tests' "$log" | sed -E 's/^[A-Z]+ //; s/ - .*//' | sort -u)
    if [ "$f" -gt 0 ] && [ "$f" -le 12 ] && [ "${#again[@]}" -eq "$f" ] &&
        /usr/bin/python3 -m pytest -p no:cacheprovider -q --tb=short "${again[@]}" 2>&1 | tee "$log.again" && [ "${PIPESTATUS[0]}" -eq 0 ]; then
        printf 'passed at the second try only, alone: %s\n' "${again[@]}"
        p=$((p + f)) f=0
    fi
    passed=$((passed + p)) failed=$((failed + f))
    [ "$p" -gt 0 ] || failed=$((failed + 1))
}

if [ $# -gt 0 ]; then
    examine tests/e2e "$@"
else
    examine -n 4 --dist loadfile "${by_the_clock[@]}"
    examine tests/e2e -n 4 --dist loadfile "${by_the_clock[@]/#/--ignore=}"
fi
if [ -s "$RUNBOOKD_LINES" ] && /usr/bin/python3 tests/e2e/validate_events.py "$RUNBOOKD_LINES"; then
    passed=$((passed + 1)); echo "$(wc -l <"$RUNBOOKD_LINES") event lines fit the schema"
else
    failed=$((failed + 1)); echo "event lines do not fit the schema"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
