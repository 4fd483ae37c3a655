#!/usr/bin/env bash
# Prints the SQL that gives the roles the passwords of the secrets.
set -Eeuo pipefail

verifier=$(< /run/credentials/authenticator_verifier)
password=$(< /run/credentials/postgres_password)
quote="'"

printf "alter role authenticator password '%s';\n\n" "${verifier//$quote/$quote$quote}"
printf "alter role postgres password '%s';\n\n" "${password//$quote/$quote$quote}"
