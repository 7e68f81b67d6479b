#!/usr/bin/env bash
# Verifies the fleet, heals it where that helps, tells people of the rest: one unattended look.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/monitor_tenant_migrations.sh [--no-heal] [--max-failures=N|P%]

For cron, every 15 minutes: `manage.py monitor --once --quiet`, its steps logged to
migration_monitor.log in LOG_DIR. Says nothing while all is well. Never overlaps itself, heals
forward only and never with code older than the newest recorded; tells ALERT_URLS of problems, and
when they are over.

  --no-heal           verify and tell, and change nothing
  --max-failures=...  stop healing when more tenants than this have failed

LOG_DIR              where the log goes (default: /var/log/zumodra, else var/log in the checkout)
ZUMODRA_ENVIRONMENT  file of KEY=VALUE lines with settings (default: /etc/zumodra/environment)

Exit codes: 0 all well, 1 findings, 2 wrong use, 3 could not ask, 75 another one is at work.
EOT
}

options=()
for argument; do
  case $argument in
    --no-heal | --max-failures=*) options+=("$argument") ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) unknown_argument "$argument" ;;
  esac
done

load_environment
open_log migration_monitor.log
take_lock monitor_tenant_migrations
code=0
step monitor manage monitor --once --quiet "--log-file=$log_file" \
  ${options[@]+"${options[@]}"} || code=$?
exit "$code"
