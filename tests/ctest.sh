#!/usr/bin/env bash
# ctest.sh BUILD: runs every cmocka program of a build, and counts their tests, not their programs.
# One or two programs that failed run once more, alone (the machine is shared), and are named.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$1
ctest --test-dir "$build" -V -j2 >"$build/ctest.log" 2>&1
code=$?
passed=$(grep -oE '\[ +OK +\]' "$build/ctest.log" | wc -l)
failed=$(grep -oE '\[ +FAILED +\] [A-Za-z_0-9]+$' "$build/ctest.log" | sort -u | wc -l)
programs=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*(Failed|Exception|Timeout|Not Run)' "$build/ctest.log")
[ "$failed" -eq 0 ] && failed=$programs
[ "$code" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
# What each program that failed had to say, last, so that a log cut from above still shows it.
[ "$failed" -eq 0 ] || grep -oE '^[[:space:]]+[0-9]+ - [a-z_0-9]+ \(' "$build/ctest.log" | sort -u | while read -r number _ name _; do
    echo "-- $name:"
    grep -E "^$number: " "$build/ctest.log" | grep -vE '\[ +(OK|RUN) +\]' | tail -30
done
if [ "$failed" -gt 0 ] && [ "$programs" -gt 0 ] && [ "$programs" -le 2 ] && ctest --test-dir "$build" --rerun-failed --output-on-failure >"$build/ctest-again.log" 2>&1; then
    echo "passed at the second try only, alone: $(grep -oE 'Test +#[0-9]+: [a-z_0-9]+' "$build/ctest-again.log" | grep -oE '[a-z_0-9]+$' | xargs)"
    passed=$((passed + failed)) failed=0
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
