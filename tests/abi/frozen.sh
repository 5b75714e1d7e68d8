#!/bin/sh
# frozen.sh HEADER FOLDER: FOLDER keeps probe.h as each version of the contract was released.  The
# header may say more in comments, but for the version that it calls itself its code is what is kept.
set -eu
header=$1 folder=$2
version=$(awk '$2 == "PROBE_ABI_MAJOR" {major = $3} $2 == "PROBE_ABI_MINOR" {minor = $3}
    END {sub("u", "", major); sub("u", "", minor); print major "." minor}' "$header")
kept=$folder/probe-$version.h
code() {
    cpp -fpreprocessed -dD -P "$1" 2>/dev/null
}

test -f "$kept" || {
    echo "There is no $kept: a new version of the contract is kept there when it is released." >&2
    exit 1
}
new=$(mktemp) old=$(mktemp)
trap 'rm -f "$new" "$old"' EXIT
code "$header" >"$new"
code "$kept" >"$old"
diff -u --label "$kept" --label "$header" "$old" "$new" || {
    cat >&2 <<END
The contract with plugins has changed.  Plugins that are built already would break, so
  - append only, raise PROBE_ABI_MINOR, and keep the new header in $folder; or,
  - as long as $version is not released, keep the new one instead: cp $header $kept
END
    exit 1
}
