#!/bin/sh
# installed.sh BUILD EXAMPLE TEST: installs what is built in BUILD into a folder of its own, builds a
# copy of EXAMPLE against that as its README says, in both ways, follows the README's walk-through,
# and runs TEST over each result.
set -eu
build=$1 example=$2 test=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        echo "failed: $*" >&2
        exit 1
    }
}

quietly cmake --install "$build" --prefix "$work/usr"
cp -r "$example" "$work/example"
cd "$work/example"

# With CMake.
# (An installed file is replaced only where the times differ by a second or more, unless told otherwise.)
export CMAKE_INSTALL_ALWAYS=1
quietly cmake -B build -DCMAKE_PREFIX_PATH="$work/usr" -DCMAKE_BUILD_TYPE=Release
quietly cmake --build build
PLUGINS=$work/example/build "$test"
quietly cmake --install build
installed=$(find "$work/usr" -name greeting.so)
test -z "$(find "$installed" -perm /022)" # nobody else may write it
test "$(dirname "$installed")" = "$(dirname "$(find "$work/usr" -name redis.so)")"

quietly "$work/usr/bin/runbookd" explain --plugins "$(dirname "$installed")" greeting.banner
grep -q "what the greeting begins with" "$work/log"

# With pkg-config and a compiler, and nothing undefined that is ours.
PKG_CONFIG_PATH=$(dirname "$(find "$work/usr" -name runbookd.pc)")
export PKG_CONFIG_PATH
there="--define-variable=prefix=$work/usr"
test "$(pkg-config "$there" --variable=plugindir runbookd)" = "$(dirname "$installed")"
mkdir "$work/by-hand"
quietly cc -shared -fPIC -O2 -Wall -Wextra -Werror $(pkg-config "$there" --cflags runbookd) \
    -o "$work/by-hand/greeting.so" greeting.c
PLUGINS=$work/by-hand "$test"
if nm -D --undefined-only "$work/by-hand/greeting.so" | grep -i probe; then
    echo "a plugin needs a symbol of runbookd's" >&2
    exit 1
fi

# The walk-through, to the letter.
/usr/bin/python3 "$here/walk.py" README.md greeting.c
quietly cmake --build build
WALKED=1 PLUGINS=$work/example/build "$test"
quietly cmake --install build
quietly "$work/usr/bin/runbookd" explain --plugins "$(dirname "$installed")" greeting.names
grep -q "addresses < 2" "$work/log"
