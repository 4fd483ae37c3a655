#!/usr/bin/env bash
# Fills pgBouncer's configuration in from the environment and starts it.
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

envsubst < /etc/pgbouncer/pgbouncer.ini.template > /tmp/pgbouncer.ini
exec pgbouncer /tmp/pgbouncer.ini
