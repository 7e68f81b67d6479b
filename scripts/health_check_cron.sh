#!/usr/bin/env bash
# Asks for the health of everything, logs it, and tells people of what is not well.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/health_check_cron.sh [--timeout=S]

For cron, every 5 minutes: `manage.py health_check --full`, logged to health_check.log in LOG_DIR.
Says nothing while all is healthy; else a line on stdout for each check that is not, with what to
type. Tells ALERT_URLS, if any, of what is not healthy, and when it is over.

  --timeout=S   seconds that each check has (default: HEALTH_TIMEOUT_SECONDS in the settings)

LOG_DIR              where the log goes (default: /var/log/zumodra, else var/log in the checkout)
ZUMODRA_ENVIRONMENT  file of KEY=VALUE lines with settings (default: /etc/zumodra/environment)

Exit codes: 0 healthy, 1 degraded or unhealthy, 2 wrong use, 3 could not ask, 75 one is running.
EOT
}

# A document's status, then check, status, message and hint of what is not healthy, a line each.
read_answer() { # file
  "$python" - "$1" <<'EOT'
import json, sys

answer = json.load(open(sys.argv[1], encoding="utf-8"))
print(answer["status"])
print(answer["duration_seconds"])
for name, check in answer["checks"].items():
    if check["status"] != "healthy":
        for text in (name, check["status"], check["message"], check["details"].get("hint", "")):
            print(" ".join(str(text).split()))
EOT
}

options=()
for argument; do
  case $argument in
    --timeout=*) options+=("$argument") ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) unknown_argument "$argument" ;;
  esac
done

load_environment
open_log health_check.log
take_lock health_check_cron
need_temporary
[[ -z ${ALERT_URLS-} ]] || options+=(--alert)

code=0
manage health_check --full --quiet --json ${options[@]+"${options[@]}"} \
  >"$temporary/answer.json" 2>"$temporary/stderr" || code=$?
if [[ $code -ne 0 && $code -ne 1 ]]; then
  cat "$temporary/stderr" >&2
  log error health_check_failed "code=$code" "error=$(tail -n 1 "$temporary/stderr")"
  exit "$code"
fi

read_answer "$temporary/answer.json" >"$temporary/answer" ||
  fail 3 "health_check gave no answer: $(tail -n 1 "$temporary/stderr")"
# What did not reach people is mailed by cron.
sed -n 's/^warning: //p' "$temporary/stderr" | while read -r warning; do
  log warning alert_not_delivered "why=$warning"
  echo "warning: $warning" >&2
done
{
  read -r status
  read -r duration
  while read -r check && read -r its_status && read -r message && read -r hint; do
    log warning "check_$its_status" "check=$check" "why=$message" "hint=$hint"
    echo "$its_status: $check: $message${hint:+; $hint}"
  done
} <"$temporary/answer"
level=info
[[ $status == healthy ]] || level=warning
log "$level" health_checked "status=$status" "duration=$duration"
exit "$code"
