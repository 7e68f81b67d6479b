#!/usr/bin/env bash
# Takes back: the database, a tenant or one app of it, from a backup.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/rollback_migrations.sh <backup_file> [--tenant=NAME] [--app=LABEL]
                                      [--migrations-only] [--dry-run] [--force]
                                      [--migrate-forward] [--trust-foreign]
                                      [--no-safety-backup]

Shows what would be replaced and lost, asks for the name of it, backs up what is there, restores
and verifies. A backup that is not whole is refused whatever is asked for.

  --tenant=NAME       only this tenant; without it the whole database
  --app=LABEL         only this app, of the tenant or of all
  --migrations-only   with --app: reverse its migrations down to the backup's, rows kept
  --dry-run           say what would be done, and do nothing
  --force             do not ask; all checks are made all the same
  --migrate-forward   afterwards apply the migrations that the code has and the backup has not
  --trust-foreign     restore what another installation backed up: its SQL runs with your rights
  --no-safety-backup  make no backup of what is replaced

BACKUP_DIR           where that backup goes if it can't go beside the one restored
LOG_DIR              where the log goes (default: /var/log/zumodra, else var/log in the checkout)
ZUMODRA_ENVIRONMENT  file of KEY=VALUE lines with settings (default: /etc/zumodra/environment)

Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 could not ask, 75 another one is at work.
EOT
}

backup='' options=()
for argument; do
  case $argument in
    --tenant=* | --app=* | --migrations-only | --dry-run | --force) options+=("$argument") ;;
    --migrate-forward | --trust-foreign | --no-safety-backup) options+=("$argument") ;;
    --tenant | --app) fail 2 "$argument needs a value: $argument=NAME" ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) unknown_argument "$argument" ;;
    *)
      [[ -z $backup ]] || fail 2 "one backup at a time, not '$backup' and '$argument'"
      [[ -n $argument ]] || fail 2 "the backup's name is empty: see scripts/$script --help"
      backup=$(from_caller "$argument")
      ;;
  esac
done
[[ -n $backup ]] || fail 2 "name a backup: see scripts/$script --help"

load_environment
open_log rollback.log
take_lock rollback_migrations
log info rollback_started "backup=$backup" "options=${options[*]-}"
code=0
# Not as a step: a person is asked, and needs the terminal.
manage rollback_migrations "$backup" ${options[@]+"${options[@]}"} || code=$?
log "$([[ $code == 0 ]] && echo info || echo error)" rollback_ended "backup=$backup" "code=$code"
exit "$code"
