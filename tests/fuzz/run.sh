#!/usr/bin/env bash
# run.sh BUILD [SECONDS]: every fuzzer of a build, over its kept corpus and then for a few seconds more.
# A crash, a leak or an input that takes longer than 10 s is a failure; what was found stays in BUILD/fuzz-NAME.
set -uo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath "${1:?which build folder?}") seconds=${2:-8}
passed=0 failed=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c); name=${name#fuzz_}
    corpus=tests/fuzz/corpus/$name found=$build/fuzz-$name log=$build/fuzz-$name.log
    mkdir -p "$found"
    if [ -d "$corpus" ] && "$build/tests/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$found/" "$found" "$corpus" >"$log" 2>&1; then
        passed=$((passed + 1)); echo "ok      $name: $(grep -E '^Done' "$log" | tail -1)"
    else
        failed=$((failed + 1)); echo "FAILED  $name"; tail -40 "$log"
    fi
done
[ $((passed + failed)) -eq 0 ] && failed=1
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
