#!/usr/bin/env bash
# install-deps.sh build|demo|test|bench: installs the Debian 12 packages that building, the quickstart,
# the tests or the benches need, where they are missing.  Starts no service: servers run only where a script of
# ours starts them.  Needs root, or sudo, only where something is missing.
set -euo pipefail

build=(gcc g++ cmake ninja-build pkg-config libc6-dev
       libuv1-dev libc-ares-dev libcurl4-openssl-dev libpq-dev libhiredis-dev liblua5.4-dev
       libjansson-dev libyaml-dev libssl-dev libsqlite3-dev libmicrohttpd-dev zlib1g-dev libzstd-dev librdkafka-dev
       libical-dev)
demo=(redis-server postgresql-15 nginx-light openssl util-linux tzdata)
test=(libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev python3 python3-pytest python3-pytest-xdist
      python3-jsonschema python3-yaml git jq zstd pgbouncer valgrind strace procps ccache man-db
      nodejs npm bind9 mariadb-server-core slapd prometheus prometheus-node-exporter clickhouse-server
      zookeeper openssh-client rsyslog rsyslog-openssl prometheus-alertmanager
      haproxy dovecot-imapd exim4-daemon-light logrotate python3-prometheus-client
      python3-aiosmtpd python3-kafka)
bench=(prometheus-blackbox-exporter)

case ${1:-} in
build) wanted=("${build[@]}") ;;
demo) wanted=("${build[@]}" "${demo[@]}") ;;
test) wanted=("${build[@]}" "${demo[@]}" "${test[@]}") ;;
bench) wanted=("${build[@]}" "${demo[@]}" "${test[@]}" "${bench[@]}") ;;
*) sed -n '2,4s/^# //p' "$0" >&2; exit 1 ;;
esac

has() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
provided() { # any nginx serves, and any Node.js
    case $1 in
    nginx-light) command -v nginx >/dev/null ;;
    nodejs) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    *) return 1 ;;
    esac
}
missing=()
for package in "${wanted[@]}"; do
    has "$package" || provided "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "these Debian packages are missing, and installing them needs root: ${missing[*]}" >&2
    echo "run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "installing: ${missing[*]}" >&2

# Debian starts what it installs, and makes a PostgreSQL cluster on port 5432: neither is wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
    trap 'as_root rm -f $policy' EXIT
fi
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${missing[@]}" >&2
