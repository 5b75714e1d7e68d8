#!/usr/bin/env bash
# quickstart.sh [--seconds N]: installs what is missing, builds runbookd, and shows it at work.
#
# Where DATABASE_URL or REDIS_URL is set, on those.  Otherwise on a PostgreSQL, a Redis and an nginx
# of its own, on loopback in a temporary folder, of which some things are broken on purpose.
# Ctrl-C ends everything; --seconds N ends by itself, N seconds after the first event.
set -euo pipefail
cd "$(dirname "$0")/.."

limit=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "quickstart.sh: --seconds takes a number, such as 20" >&2; exit 1; }
        limit=(--for "${2}s"); shift 2 ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "quickstart.sh: there is no option $1; try --help" >&2; exit 1 ;;
    esac
done
say() { echo "quickstart: $*" >&2; }

packaging/install-deps.sh demo
dir=$(mktemp -d "${TMPDIR:-/tmp}/runbookd-quickstart.XXXXXX")
chmod 755 "$dir"
pids=()
clean() {
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done # PostgreSQL's fast shutdown
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "building (build/release)"
{ cmake --preset release -DRUNBOOKD_TESTS=OFF && cmake --build --preset release; } >"$dir/build.log" 2>&1 ||
    { tail -30 "$dir/build.log" >&2; say "the build failed"; exit 1; }
agent=$PWD/build/release/bin/runbookd

if [ -n "${DATABASE_URL:-}${REDIS_URL:-}" ]; then
    say "watching what DATABASE_URL and REDIS_URL name"
    "$agent" run "${limit[@]}"
    exit
fi

# ------------------------------------------------------------ a playground ----
free_port() { # one that nobody listens on
    local port
    while port=$(shuf -i 20000-29999 -n 1) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}
redis=$(free_port) postgres=$(free_port) web=$(free_port) tls=$(free_port) nobody=$(free_port)

# PostgreSQL refuses to run as root: it gets the user that Debian's package made for it.
as_postgres=()
[ "$(id -u)" = 0 ] && as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
wait_for() { # NAME COMMAND...
    local name=$1; shift
    for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    say "$name did not start:"; tail -n 5 "$dir"/*.log >&2; exit 1
}

say "starting Redis, PostgreSQL and nginx on loopback, in $dir"
redis-server --bind 127.0.0.1 --port "$redis" --save '' --dir "$dir" --maxmemory 64mb >"$dir/redis.log" 2>&1 &
pids+=($!)

bin=/usr/lib/postgresql/15/bin
mkdir "$dir/pg"
[ "$(id -u)" = 0 ] && chown postgres "$dir/pg"
"${as_postgres[@]}" $bin/initdb -D "$dir/pg/data" -U postgres -A trust --no-sync -E UTF8 --locale=C >"$dir/initdb.log" 2>&1
"${as_postgres[@]}" tee -a "$dir/pg/data/postgresql.conf" >/dev/null <<C
listen_addresses = '127.0.0.1'
port = $postgres
unix_socket_directories = ''
max_connections = 20
fsync = off
C
"${as_postgres[@]}" $bin/postgres -D "$dir/pg/data" >"$dir/postgres.log" 2>&1 &
pids+=($!)

# A certificate made for 90 days, 85 of which are over.
cat >"$dir/ca.conf" <<C
[ca]
default_ca = d
[d]
database = $dir/ca.index
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = p
x509_extensions = x
[p]
commonName = supplied
[x]
subjectAltName = DNS:shop.example.org, IP:127.0.0.1
[req]
distinguished_name = p
C
touch "$dir/ca.index"
{
    openssl req -new -config "$dir/ca.conf" -newkey rsa:2048 -nodes -keyout "$dir/shop.key" -subj /CN=shop.example.org -out "$dir/shop.csr"
    openssl ca -batch -notext -selfsign -config "$dir/ca.conf" -keyfile "$dir/shop.key" -in "$dir/shop.csr" -out "$dir/shop.crt" \
        -startdate "$(date -u -d '85 days ago' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d '5 days 1 hour' +%Y%m%d%H%M%SZ)"
} >"$dir/openssl.log" 2>&1 || { tail -n 5 "$dir/openssl.log" >&2; exit 1; }

cat >"$dir/nginx.conf" <<C
daemon off; pid $dir/nginx.pid; error_log $dir/nginx.err; worker_processes 1; events {}
http {
    access_log off;
    client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
    server {
        listen 127.0.0.1:$web;
        location /shop/health     { default_type application/json; return 200 '{"status": "UP"}'; }
        location /checkout/health { default_type text/plain; return 503 'payment provider unreachable'; }
    }
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $dir/shop.crt;
        ssl_certificate_key $dir/shop.key;
        return 200;
    }
}
C
nginx -c "$dir/nginx.conf" -e "$dir/nginx.err" >"$dir/nginx.log" 2>&1 &
pids+=($!)

wait_for Redis redis-cli -p "$redis" ping
wait_for PostgreSQL $bin/pg_isready -q -h 127.0.0.1 -p "$postgres"
$bin/psql -qX -h 127.0.0.1 -p "$postgres" -U postgres -d postgres \
    -c "create role runbookd login; grant pg_monitor to runbookd" -c "create role shop login" \
    -c "create database shop owner shop" >/dev/null

say "breaking a few things: a queue nobody drains, sessions that fill PostgreSQL and sit in transactions, a health check that answers 503, a certificate that nobody renewed"
seq 1500 | sed 's/.*/rpush bull:mail:wait job-&/' | redis-cli -p "$redis" >/dev/null
redis-cli -p "$redis" rpush bull:report:wait job-1 job-2 >/dev/null
# Sessions that wait for words from a pipe on which nobody ever says anything; three of them in a transaction.
mkfifo "$dir/silence"
exec 9<>"$dir/silence"
for i in $(seq 12); do
    begin=(-c 'select 1')
    [ "$i" -le 3 ] && begin=(-c 'begin' -c 'lock table pg_catalog.pg_description in access share mode')
    PGAPPNAME=shop-backend $bin/psql -qXo /dev/null -h 127.0.0.1 -p "$postgres" -U shop -d shop \
        "${begin[@]}" -f "$dir/silence" >/dev/null 2>&1 9>&- &
    pids+=($!)
done

cat >"$dir/runbookd.yaml" <<C
# What quickstart.sh shows.  The thresholds are lower than anybody would want them at home.
version: 1
agent: {realm: quickstart, repeat: 1m}
targets:
  shop-db:
    type: postgres
    url: postgres://runbookd@127.0.0.1:$postgres/shop
    every: 2s
    checks:
      connections: {warning: used_percent > 40, critical: used_percent > 60}
      idle_in_transaction: {warning: age_seconds > 3, critical: age_seconds > 8}
  queues:
    type: redis
    url: redis://127.0.0.1:$redis
    every: 2s
    checks:
      reports: {check: queue_depth, keys: ["bull:report:wait"], warning: length > 100, critical: length > 1000}
      mails: {check: queue_depth, keys: ["bull:mail:wait"], warning: length > 100, critical: length > 1000}
  old-cache: {type: redis, url: "redis://127.0.0.1:$nobody", every: 2s}
  shop: {type: http, url: "http://127.0.0.1:$web", every: 2s, checks: {endpoint: {path: /shop/health}}}
  checkout: {type: http, url: "http://127.0.0.1:$web", every: 2s, checks: {endpoint: {path: /checkout/health}}}
  shop-cert: {type: cert, url: "https://127.0.0.1:$tls", every: 2s, tls: {ca: $dir/shop.crt}}
C
say "running: runbookd run -c $dir/runbookd.yaml    (Ctrl-C ends everything)"
"$agent" run -c "$dir/runbookd.yaml" "${limit[@]}"
