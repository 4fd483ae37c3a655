#!/usr/bin/env bash
# Stands before the image's own entry point: hands the secrets to the user `postgres`, and gives the roles of a database
# that exists already the passwords of the secrets, so that changing a secret and starting again is all it takes.
set -Eeuo pipefail

for secret in postgres_password authenticator_verifier; do
  if [[ ! -f /run/secrets/$secret ]]; then
    echo "The secret $secret is missing or not a file: run setup.py, then recreate this container." >&2
    exit 1
  fi
  install -o postgres -g postgres -m 0400 "/run/secrets/$secret" "/run/credentials/$secret"
done

if [[ -s $PGDATA/PG_VERSION ]]; then
  if [[ ! -e $PGDATA/autorest.initialised ]]; then
    echo "The database in the volume was not made to its end: its first start was interrupted, or it is another project's." >&2
    echo "If there is nothing in it to keep, remove the volume (python3 teardown.py --volumes) and start again." >&2
    exit 1
  fi
  # nobody can connect meanwhile: this is a server for one, without a socket
  bash /usr/local/share/autorest/passwords.sh |
    gosu postgres postgres --single -j -D "$PGDATA" -c log_statement=none postgres > /dev/null
fi

exec docker-entrypoint.sh "$@"
