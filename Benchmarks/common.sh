# What script/bench and script/bench-size share; to be sourced, with the repository as the working folder.

# own_network SCRIPT ARGUMENTS...: builds, then runs the script again in a network of its own, so that its ports meet nobody else's.
own_network() {
    if [ -n "${CHANCERY_BENCH_NET:-}" ]; then
        [ "$CHANCERY_BENCH_NET" = shared ] || ip link set lo up
        return
    fi
    script/install bench
    swift build -c release --product chanceryd >&2
    if [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
        CHANCERY_BENCH_NET=own exec unshare --net "$@"
    fi
    export CHANCERY_BENCH_NET=shared
}

# workshop: makes $work with the load generator, and sets $bin, $repository.
workshop() {
    repository=$PWD
    bin=$(swift build -c release --show-bin-path)
    work=$(mktemp -d "${TMPDIR:-/tmp}/chancery-bench.XXXXXX")
    chmod 755 "$work"
    pids=()
    trap 'stop; rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    (cd Benchmarks/acmeload && GOTOOLCHAIN=local GOFLAGS= "$repository/.build-tools/go/bin/go" build -o "$work/acmeload" .)
    cd "$work"
}

# stop: ends what was started, the last first.
stop() {
    local index
    for ((index = ${#pids[@]} - 1; index >= 0; index--)); do
        kill "${pids[index]}" 2>/dev/null || true
        wait "${pids[index]}" 2>/dev/null || true
    done
    pids=()
    if [ -n "${postgres:-}" ]; then as_postgres "$pg_bin/pg_ctl" -D "$postgres/data" -m fast -s stop || true; fi
    postgres=""
}

# wait_port PORT [SECONDS]: until the process started last listens there.
wait_port() {
    local tries=$((${2:-20} * 50))
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] && kill -0 "${pids[-1]}" 2>/dev/null || { echo "nothing listens on port $1" >&2; return 1; }
        sleep 0.02
    done
}

# start_names: a name server that answers 127.0.0.1 for every name.
start_names() {
    pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 127.0.0.1:8053 -http01 "" -https01 "" \
        -tlsalpn01 "" -management 127.0.0.1:8055 >dns.log 2>&1 &
    pids+=($!)
    wait_port 8055
}

pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
# PostgreSQL does not run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --clear-groups "$@"; else "$@"; fi; }

# start_postgres: a new database on a socket of its own, everything durable; sets $postgres and $database.
start_postgres() {
    postgres=$(mktemp -d "$work/postgres.XXXXXX")
    [ "$(id -u)" != 0 ] || chown postgres: "$postgres"
    as_postgres "$pg_bin/initdb" -D "$postgres/data" -A trust -E UTF8 --no-locale >initdb.log 2>&1
    as_postgres "$pg_bin/pg_ctl" -D "$postgres/data" -s -w -l "$postgres/log" \
        -o "-k $postgres -c listen_addresses= -c shared_buffers=256MB -c max_wal_size=2GB" start
    as_postgres "$pg_bin/createdb" -h "$postgres" chancery
    database="postgres:///chancery?host=$postgres&user=${PGUSER:-$([ "$(id -u)" = 0 ] && echo postgres || id -un)}"
}

# start_server NUMBER FOLDER [ARGUMENTS...]: serves FOLDER on port 14000 + NUMBER under the URL of number 1; sets $server_pid.
start_server() {
    local number=$1 folder=$2
    shift 2
    "$bin/chanceryd" serve --data "$folder" --listen 127.0.0.1:$((14000 + number)) --http-listen 127.0.0.1:$((14080 + number)) \
        --http01-port 5002 --resolver 127.0.0.1:8053 --allow-address 127.0.0.0/8 --external-url https://127.0.0.1:14001 \
        --set http-external-url=http://127.0.0.1:14081 "$@" >"server-$number.log" 2>&1 &
    server_pid=$!
    pids+=("$server_pid")
    wait_port $((14000 + number)) 60 || { tail -n 5 "server-$number.log" >&2; return 1; }
}

# load ARGUMENTS...: the generator against the servers of start_server; its report as JSON on standard output.
load() {
    ./acmeload -directory https://127.0.0.1:14001/acme/default/directory -ca-file ca/root.pem -challenge http-01 \
        -http01-addr 127.0.0.1:5002 -dns-chall-srv http://127.0.0.1:8055 -ignore-retry-after -poll-interval 2ms \
        -max-poll-wait 10ms -timeout 20s -allow-errors -json "$@" 2>>load.err || tail -n 2 load.err >&2
}

# yardstick: signatures and verifications of P-256 per second by openssl.
yardstick() { openssl speed -mr -seconds 1 ecdsap256 2>/dev/null | awk -F: '/^\+F4/ {print $4, $5}'; }

# machine: one line for the record.
machine() {
    printf '%s cores, %s, %s MiB, Linux %s, %s; load %s\n' "$(nproc)" \
        "$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -n 1)" "$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)" \
        "$(uname -r)" "$(df --output=fstype,source "$work" | tail -n 1 | tr -s ' ')" "$(cut -d' ' -f1 /proc/loadavg)"
}
