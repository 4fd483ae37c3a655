#!/usr/bin/env bash
# The official image's contract in short: PGADMIN_CONFIG_* become pgAdmin's configuration, the first start makes the
# account PGADMIN_DEFAULT_EMAIL, and /pgadmin4/servers.json is loaded then, and later too if
# PGADMIN_REPLACE_SERVERS_ON_STARTUP is True.
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

load_servers() {
  /venv/bin/python3 setup.py load-servers servers.json --user "$PGADMIN_DEFAULT_EMAIL" "$@"
}

if [[ ! -f /var/lib/pgadmin/pgadmin4.db ]]; then
  PGADMIN_SETUP_EMAIL=$PGADMIN_DEFAULT_EMAIL PGADMIN_SETUP_PASSWORD=$PGADMIN_DEFAULT_PASSWORD \
    /venv/bin/python3 run_pgadmin.py
  load_servers
elif [[ ${PGADMIN_REPLACE_SERVERS_ON_STARTUP:-} == True ]]; then
  load_servers --replace
fi

exec /venv/bin/python3-cap /venv/bin/gunicorn --bind '[::]:80' --workers 1 --threads 25 --timeout 86400 \
  --access-logfile "${GUNICORN_ACCESS_LOGFILE:--}" run_pgadmin:app
