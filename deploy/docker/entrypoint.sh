#!/usr/bin/env bash
# Waits for the database, brings the fleet to the code of this image, and becomes the command.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

usage() {
  cat <<'EOT'
usage: deploy/docker/entrypoint.sh COMMAND [ARGUMENT]...

The entrypoint of the container: waits for the database, migrates public and all tenants, verifies,
and becomes COMMAND. Of replicas that start together one migrates, the others wait for it. What it
does is logged to stderr, a line for each event.

DATABASE_URL            the database; required
DATABASE_WAIT_SECONDS   how long to wait for it (default: 60)
SKIP_MIGRATIONS=1       neither wait nor migrate: for workers, one-off commands, and where a job migrates
MIGRATIONS_REQUIRED=1   end with an error where the fleet is not well afterwards; without it that is
                        logged, the command starts all the same, and the monitor heals
MIGRATION_WAIT_SECONDS  how long to wait while another replica migrates (default: 900)
CREATE_DEMO_TENANT=1    make the demo tenant, if it is not there

Exit codes, before COMMAND runs: 1 migrations failed and are required, 2 wrong use, 3 no database,
143 ended by a signal. Then those of COMMAND.
EOT
}

# Run a command, handing on the signals that end containers: as process 1 this shell would ignore
# them until the command is through.
run() { # command ...
  local code=0
  "$@" <&0 &
  child=$!
  [[ -z $ended ]] || hand_on
  wait "$child" || code=$?
  # A signal ends the wait; the command may take its time to end.
  while kill -0 "$child" 2>/dev/null; do
    code=0
    wait "$child" || code=$?
  done
  child=
  return "$code"
}

# shellcheck disable=SC2329 # called by trap
hand_on() {
  ended=yes
  [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true
}

leave_if_ended() {
  [[ -z $ended ]] || {
    log info ended why=signal
    exit 143
  }
}

whole_number() { # name, value
  [[ $2 =~ ^[0-9]{1,5}$ ]] || fail 2 "$1 takes a whole number of seconds, not '$2'"
}

# Until the database takes a connection; the reason for the last refusal is logged.
wait_for_database() { # seconds
  PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-5} run "$python" - "$1" <<'EOT'
import os, sys, time

import django
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zumodra.settings")
sys.path.insert(0, os.getcwd())
try:
    django.setup()
    from django.db import OperationalError, connection
except ImproperlyConfigured as error:
    print(error, file=sys.stderr)
    sys.exit(2)
until = time.monotonic() + float(sys.argv[1])
while True:
    try:
        connection.ensure_connection()
        break
    except OperationalError as error:
        if time.monotonic() >= until:
            print(str(error).strip().splitlines()[0], file=sys.stderr)
            sys.exit(3)
    time.sleep(0.5)
EOT
}

# Verify, and heal where that helps; wait while another replica does.
migrate() {
  local code until=$((SECONDS + migration_wait))
  while true; do
    code=0
    run "$python" manage.py monitor --once --quiet >&2 || code=$?
    leave_if_ended
    [[ $code -eq 75 && $SECONDS -lt $until ]] || return "$code"
    log info waiting why="another replica migrates"
    run sleep 1 || true
    leave_if_ended
  done
}

case ${1-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
log_file=- child='' ended=''
[[ $# -gt 0 ]] || fail 2 "no command to run: see entrypoint.sh --help"
if [[ ${SKIP_MIGRATIONS-} == 1 ]]; then
  exec "$@"
fi
[[ -n ${DATABASE_URL-} ]] || fail 2 "DATABASE_URL is not set: name the database of the fleet"
database_wait=${DATABASE_WAIT_SECONDS:-60} migration_wait=${MIGRATION_WAIT_SECONDS:-900}
whole_number DATABASE_WAIT_SECONDS "$database_wait"
whole_number MIGRATION_WAIT_SECONDS "$migration_wait"
need_python
need_temporary
trap hand_on TERM INT

log info waiting_for_database "seconds=$database_wait"
code=0
wait_for_database "$database_wait" 2>"$temporary/stderr" || code=$?
leave_if_ended
[[ $code -eq 0 ]] || fail "$code" "no database: $(tail -n 1 "$temporary/stderr")"

log info migrating
code=0
migrate || code=$?
if [[ $code -eq 0 ]]; then
  log info migrated
elif [[ ${MIGRATIONS_REQUIRED-} == 1 ]]; then
  fail 1 "the fleet is not well (code $code) and MIGRATIONS_REQUIRED is set: see above"
else
  log warning not_migrated "code=$code" "why=started all the same; the monitor heals what it can"
fi

if [[ ${CREATE_DEMO_TENANT-} == 1 ]]; then
  # Its output has a link with which a password can be set, which is not for a log.
  if run "$python" manage.py bootstrap_demo_tenant >"$temporary/demo" 2>"$temporary/stderr"; then
    log info demo_tenant hint="a link to sign in: manage.py bootstrap_demo_tenant"
  else
    log warning demo_tenant_failed "error=$(tail -n 1 "$temporary/stderr")"
  fi
fi
leave_if_ended

trap - TERM INT
rm -rf -- "$temporary"
trap - EXIT
log info starting "command=$1"
exec "$@"
