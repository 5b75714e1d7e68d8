#!/usr/bin/env bash
# npm.sh: installs tests/npm/package.json, where that is not done yet, and prints the folder that then
# holds node_modules.  The folder is in a cache, by what the file says, so that every clone on a machine
# shares it; root's is where the users that servers run as can read it.  No package's own install
# script runs.
set -euo pipefail
wanted=$(cd "$(dirname "$0")" && pwd)/npm/package.json
cache=${XDG_CACHE_HOME:-$HOME/.cache}
[ "$(id -u)" -eq 0 ] && cache=/var/cache
folder=$cache/runbookd-tests/npm-$(sha256sum "$wanted" | cut -c1-16)
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
if [ ! -e "$folder/done" ]; then
    rm -rf "$folder"
    mkdir "$folder"
    cp "$wanted" "$folder/"
    npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error >&2
    # What the PostgreSQL packages' own install script does: links such as libpq.so.5.
    for server in "$folder"/node_modules/postgresql-*; do
        (cd "$server" && node scripts/hydrate-symlinks.js) >&2
        chmod +x "$server"/native/bin/*
    done
    chmod -R go+rX "$folder" # servers run as another user ...
    touch "$folder/done"
fi
echo "$folder"
