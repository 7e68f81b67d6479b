#!/usr/bin/env bash
# Reports on the week that ended last Sunday: a page in a folder, and a message to people.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/weekly_migration_report.sh [--week=YYYY-Wnn] [--no-send]

For cron, Mondays at 9:00: `manage.py migration_report` for the week before, as
migration-report-YYYY-Wnn.html in REPORT_DIR, and sent to those whom ALERT_URLS names, if any. The
last line on stdout is the path of the page. Run again, it replaces the page.

  --week=YYYY-Wnn   another ISO week, Monday to Sunday
  --no-send         make the page only

REPORT_DIR           where the pages go (default: reports in the folder of the log)
LOG_DIR              where the log goes (default: /var/log/zumodra, else var/log in the checkout)
ZUMODRA_ENVIRONMENT  file of KEY=VALUE lines with settings (default: /etc/zumodra/environment)

Exit codes: 0 nothing to do at once, 1 action items in the report, 2 wrong use, 3 not made or not
sent, 75 one is being made.
EOT
}

week='' send=yes
for argument; do
  case $argument in
    --week=*) week=${argument#--week=} ;;
    --no-send) send=no ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) unknown_argument "$argument" ;;
  esac
done

load_environment
open_log migration_report.log
take_lock weekly_migration_report
if [[ -z $week ]]; then
  week=$("$python" -c 'import datetime as d
year, week, _ = (d.date.today() - d.timedelta(days=7)).isocalendar()
print(f"{year}-W{week:02}")')
fi
[[ $week =~ ^[0-9]{4}-W[0-9]{2}$ ]] || fail 2 "--week takes a week such as 2026-W47, not '$week'"
folder=$(from_caller "${REPORT_DIR:-$LOG_DIR/reports}")
mkdir -p "$folder" 2>/dev/null || fail 3 "$folder cannot be made: name a folder in REPORT_DIR"
page=$folder/migration-report-$week.html

code=0
step report manage migration_report "--week=$week" "--output=$page" || code=$?
[[ $code -le 1 ]] || exit "$code"
if [[ $send == yes && -n ${ALERT_URLS-} ]]; then
  sent=0
  step send manage migration_report "--week=$week" --send || sent=$?
  [[ $sent -le 1 ]] || code=$sent
fi
echo "$page"
exit "$code"
