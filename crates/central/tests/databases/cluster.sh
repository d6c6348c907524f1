# A private PostgreSQL for tests: a directory of its own, its socket in there, no port. By cluster.rs:
#   sh cluster.sh make|run PROGRAMS HOME WORDS…
#   sh cluster.sh keep PROGRAMS HOME LOCK WORDS…
# PROGRAMS is the directory of initdb and postgres, WORDS become the user who may run them (initdb refuses root).
set -eu
verb=$1 programs=$2 home=$3
shift 3

make() {
    mkdir -p -m 700 "$home"
    if [ "$(id -u)" = 0 ]; then chown postgres "$home"; fi
    cd "$home"
    "$@" "$programs/initdb" --pgdata="$home/data" --username=linedesk --auth=trust --encoding=UTF8 --no-locale --no-sync \
        --no-instructions >"$home/initdb.log" 2>&1
    # Nothing here outlives the machine, so nothing is forced to the disk.
    cat >>"$home/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$home'
fsync = off
full_page_writes = off
max_connections = 300
shared_buffers = 64MB
deadlock_timeout = 100ms
password_encryption = scram-sha-256
CONF
    # Whoever is called guarded has to know a password.
    {
        echo 'local all guarded scram-sha-256'
        echo 'host all guarded all scram-sha-256'
        cat "$home/data/pg_hba.conf"
    } >"$home/hba" && cat "$home/hba" >"$home/data/pg_hba.conf"
}

# Ends with the process that starts it, however that ends; the signal is for a quick shut-down in order.
run() {
    cd "$home"
    exec "$@" setpriv --pdeathsig=INT "$programs/postgres" -D "$home/data" >>"$home/server.log" 2>&1
}

# Until nobody holds LOCK any more. A test that is killed lets go of it as well.
keep() {
    lock=$1
    shift
    rm -rf "$home"
    make "$@"
    : >"$home/server.log"
    (run "$@") &
    server=$!
    trap 'kill -INT $server; wait $server || true; rm -rf "$home"; exit' INT TERM HUP
    until grep -q "ready to accept connections" "$home/server.log"; do
        kill -0 $server || { cat "$home/server.log"; exit 1; }
        sleep 0.02
    done
    echo ready
    exec >/dev/null
    exec 9>>"$lock"
    while :; do
        flock --exclusive 9
        flock --unlock 9
        # Between one test and the next nobody holds it for a moment.
        sleep 5
        flock --exclusive --nonblock 9 && break
    done
    # Who comes now waits for the lock, and starts another one in the same place when all of this one is gone.
    kill -INT $server
    wait $server || true
    rm -rf "$home" "$lock" "$home.starting"
}

"$verb" "$@"
