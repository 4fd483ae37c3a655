#!/usr/bin/env bash
# The last step of the database's first start: the roles get the passwords of the secrets. entrypoint.sh does the same
# at every later start.
set -Eeuo pipefail

bash /usr/local/share/autorest/passwords.sh |
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB"
touch "$PGDATA/autorest.initialised"
