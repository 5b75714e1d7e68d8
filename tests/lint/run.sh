#!/usr/bin/env bash
# run.sh [CHECK...]: holds the tree to what a compiler does not: layers, format, banned functions,
# headers that stand alone, measure names, clang-tidy (lint.py lists them).  The last line is the
# total.  A line that must break a rule says why: /* lint: reason */ at its end.
set -uo pipefail
cd "$(dirname "$0")/../.."
cmake --preset clang >build/lint-cmake.log 2>&1 || { # clang-tidy reads its compile commands
    mkdir -p build && cmake --preset clang >build/lint-cmake.log 2>&1
} || { cat build/lint-cmake.log; echo "0 passed, 1 failed"; exit 1; }
exec python3 tests/lint/lint.py "$@"
