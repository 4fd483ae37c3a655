#!/usr/bin/env bash
# The official image's contract in short: PGADMIN_CONFIG_* become pgAdmin's configuration, the first start makes the
# account PGADMIN_DEFAULT_EMAIL and loads /pgadmin4/servers.json.
set -Eeuo pipefail
cd /pgadmin4

PGADMIN_DEFAULT_PASSWORD=$(< "$PGADMIN_DEFAULT_PASSWORD_FILE")
unset PGADMIN_DEFAULT_PASSWORD_FILE
{
  echo "LOG_FILE = '/dev/null'"
  echo "DEFAULT_BINARY_PATHS = {'pg': '/usr/lib/postgresql/17/bin'}"
  for name in "${!PGADMIN_CONFIG_@}"; do
    echo "${name#PGADMIN_CONFIG_} = ${!name}"
  done
} > config_distro.py

if [[ ! -f /var/lib/pgadmin/pgadmin4.db ]]; then
  PGADMIN_SETUP_EMAIL=$PGADMIN_DEFAULT_EMAIL PGADMIN_SETUP_PASSWORD=$PGADMIN_DEFAULT_PASSWORD \
    /venv/bin/python3 run_pgadmin.py
  /venv/bin/python3 setup.py load-servers servers.json --user "$PGADMIN_DEFAULT_EMAIL"
fi

exec /venv/bin/python3-cap /venv/bin/gunicorn --bind '[::]:80' --workers 1 --threads 25 --timeout 86400 \
  --access-logfile "${GUNICORN_ACCESS_LOGFILE:--}" run_pgadmin:app
