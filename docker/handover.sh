#!/bin/sh
# handover.sh USER COMMAND...: become USER for good and run COMMAND.
#
# Compose mounts a secret with the owner and the mode that its file has on the host, where only its owner may read it.
# Started as root, this copies the secrets to memory (/run/credentials, a tmpfs) for USER alone first.
set -eu

user=$1
shift

if [ "$(id -u)" != 0 ]; then
  exec "$@"
fi

for secret in /run/secrets/*; do
  if [ -d "$secret" ]; then
    echo "${secret##*/}: the secret's file was missing on the host, and Docker made a directory in its place." \
      "Remove it there, run setup.py again, and recreate this container." >&2
    exit 1
  elif [ -f "$secret" ]; then
    copy=/run/credentials/${secret##*/}
    rm -f "$copy"
    (umask 0377 && cat "$secret" > "$copy")
    chown "$user:$user" "$copy"
  fi
done

export HOME=/nonexistent USER="$user" LOGNAME="$user"
exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all --no-new-privs -- "$@"
