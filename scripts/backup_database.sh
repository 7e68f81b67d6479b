#!/usr/bin/env bash
# A backup that can be trusted, and the end of those past their time.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/backup_database.sh [--tenant=NAME]... [--per-tenant] [--format=FORMAT] [--jobs=N]
                                  [--verify] [--quiet]

Backs up the whole database, or the tenants named, into BACKUP_DIR: dumped, read back to its end,
and published only then. Afterwards removes backups older than RETENTION_DAYS, never the last three
and never the last three verified. The last line on stdout is the path of the backup.

  --tenant=NAME  only this tenant; may be repeated
  --per-tenant   an archive for each tenant: few locks at once, continued after a crash
  --format=directory
                 a folder with a file for each table, dumped side by side; default: custom
  --jobs=N       how many connections dump side by side, with one of the two above
  --verify       restore it into a scratch database and compare
  --quiet        print only the path

BACKUP_DIR           where backups go (default: /backups/zumodra); only its owner may enter it
RETENTION_DAYS       how many days they are kept (default: 30)
LOG_DIR              where the log goes (default: /var/log/zumodra, else var/log in the checkout)
ZUMODRA_ENVIRONMENT  file of KEY=VALUE lines with settings (default: /etc/zumodra/environment)

Exit codes: 0 made, 1 refused or not as it should be, 2 wrong use, 3 it could not be made, 75
another one is being made.
EOT
}

options=()
for argument; do
  case $argument in
    --tenant=* | --per-tenant | --format=* | --jobs=* | --verify | --quiet) options+=("$argument") ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) unknown_argument "$argument" ;;
  esac
done

load_environment
open_log backup.log
take_lock backup_database
code=0
step backup manage backup_database --prune "--keep-days=${RETENTION_DAYS-30}" \
  ${options[@]+"${options[@]}"} || code=$?
exit "$code"
