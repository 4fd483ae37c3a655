#!/usr/bin/env bash
# The official image's contract in short: as root, own PGDATA and become postgres; in an empty PGDATA make a cluster with
# the superuser POSTGRES_USER (password POSTGRES_PASSWORD or in the file POSTGRES_PASSWORD_FILE) and the database
# POSTGRES_DB, and run what lies in /docker-entrypoint-initdb.d against a server that nobody outside can reach.
set -Eeuo pipefail

if [[ $1 != postgres ]]; then
  exec "$@"
fi

if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
  POSTGRES_PASSWORD=$(< "$POSTGRES_PASSWORD_FILE")
  export POSTGRES_PASSWORD
  unset POSTGRES_PASSWORD_FILE
fi
export POSTGRES_USER=${POSTGRES_USER:-postgres}
export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}

if [[ $(id -u) == 0 ]]; then
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
  exec gosu postgres "$BASH_SOURCE" "$@"
fi

run_init_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh)
        echo "running $file"
        if [[ -x $file ]]; then "$file"; else . "$file"; fi
        ;;
      *.sql)
        echo "running $file"
        psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file "$file"
        ;;
    esac
  done
}

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  : "${POSTGRES_PASSWORD:?the superuser needs a password}"
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-local=trust --auth-host=trust
  printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
  pg_ctl --wait start -o "-c listen_addresses=''"
  if [[ $POSTGRES_DB != postgres ]]; then
    psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set name="$POSTGRES_DB" <<< 'create database :"name";'
  fi
  run_init_files
  pg_ctl --mode=fast --wait stop
fi

exec "$@"
