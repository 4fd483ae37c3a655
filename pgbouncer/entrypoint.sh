#!/usr/bin/env bash
# Fills pgBouncer's configuration in from the environment and starts it.
#
# pgBouncer is given PostgreSQL's address, not its name, and told when the name gets another one. The resolver that
# Debian's pgBouncer is built with (c-ares from 1.31) keeps an answer for as long as the name server says, ten minutes
# with Docker's, whatever pgBouncer's own dns_max_ttl is: so long would a PostgreSQL that came back with another address
# be away.
set -Eeuo pipefail

export PGBOUNCER_SERVER_HOST="${PGBOUNCER_SERVER_HOST:-postgres}"
export PGBOUNCER_SERVER_PORT="${PGBOUNCER_SERVER_PORT:-5432}"
export PGBOUNCER_DEFAULT_POOL_SIZE="${PGBOUNCER_DEFAULT_POOL_SIZE:-20}"
export PGBOUNCER_RESERVE_POOL_SIZE="${PGBOUNCER_RESERVE_POOL_SIZE:-5}"
export PGBOUNCER_MAX_CLIENT_CONN="${PGBOUNCER_MAX_CLIENT_CONN:-1000}"
export PGBOUNCER_MAX_PREPARED_STATEMENTS="${PGBOUNCER_MAX_PREPARED_STATEMENTS:-200}"

for name in DEFAULT_POOL_SIZE RESERVE_POOL_SIZE MAX_CLIENT_CONN MAX_PREPARED_STATEMENTS; do
  setting=PGBOUNCER_$name
  if [[ ! ${!setting} =~ ^[0-9]+$ ]]; then
    echo "$setting must be a whole number, not \"${!setting}\"." >&2
    exit 1
  fi
done

if [[ ! -r /run/credentials/pgbouncer_userlist ]]; then
  echo "The secret pgbouncer_userlist is missing: run setup.py, which makes secrets/pgbouncer_userlist.txt." >&2
  exit 1
fi

# every client takes a file descriptor
ulimit -S -n "$(ulimit -H -n)"

configure() {
  PGBOUNCER_SERVER_ADDRESS=$1 envsubst < /etc/pgbouncer/pgbouncer.ini.template > /tmp/pgbouncer.ini.new
  mv /tmp/pgbouncer.ini.new /tmp/pgbouncer.ini
}

# The first address of PostgreSQL's name; nothing while it has none.
address() {
  local first=""
  read -r first _ < <(getent ahosts "$PGBOUNCER_SERVER_HOST") || true
  echo "$first"
}

# Follow PostgreSQL from address $1 to wherever its name leads. $$ is pgBouncer, which replaces this script.
follow() {
  local known=$1 found
  while sleep 1; do
    found=$(address)
    if [[ -n $found && $found != "$known" ]]; then
      echo "$PGBOUNCER_SERVER_HOST is at $found now"
      known=$found
      configure "$known"
      kill -HUP $$
    fi
  done
}

case $PGBOUNCER_SERVER_HOST in
  /* | *,*) # a socket's folder, or several hosts: pgBouncer's own to find
    configure "$PGBOUNCER_SERVER_HOST"
    ;;
  *)
    first=$(address)
    configure "${first:-$PGBOUNCER_SERVER_HOST}"
    follow "$first" &
    ;;
esac

exec pgbouncer /tmp/pgbouncer.ini
