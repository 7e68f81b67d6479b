#!/usr/bin/env bash
# Backs the database up, heals the fleet, and says what is true at the end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/fix_production_migrations.sh [--no-backup] [--dry-run] [--tenant=NAME]...

Looks at the fleet; where something is wrong backs the database up, heals what can be proven safe,
verifies again, asks for the health, and prints a summary. Where all is well it changes nothing and
makes no backup. Without a backup nothing is healed. Safe to run again.

  --no-backup     heal without a backup: where there is a newer one, or no room
  --dry-run       print what healing would do, as SQL, and change nothing
  --tenant=NAME   only the tenant with exactly this schema name; may be repeated

LOG_DIR              where the log goes (default: /var/log/zumodra, else var/log in the checkout)
ZUMODRA_ENVIRONMENT  file of KEY=VALUE lines with settings (default: /etc/zumodra/environment)
BACKUP_DIR           where backups go (default: /backups/zumodra)

Exit codes say what is true at the end: 0 the fleet is well, 1 something is not, 2 wrong use, 3 it
could not be asked or backed up, 75 another run is at work.
EOT
}

# How the fleet stands, from an answer of verify_tenant_migrations --json.
standing() { # file
  "$python" - "$1" <<'EOT'
import collections, json, sys

answer = json.load(open(sys.argv[1], encoding="utf-8"))
counts = collections.Counter(tenant["status"] for tenant in answer["tenants"])
listed = ", ".join(f"{count} {status}" for status, count in counts.most_common())
public = answer["public"]["status"]
print(f"{answer['total_tenants']} tenants: {listed or 'none'}; public {public}")
EOT
}

# shellcheck disable=SC2329 # called by step
verify_into() { # file
  manage verify_tenant_migrations --json --quiet ${tenants[@]+"${tenants[@]}"} >"$1"
}

say() { # heading, text
  printf '%-8s %s\n' "$1" "$2"
}

backup=yes dry_run=no tenants=()
for argument; do
  case $argument in
    --no-backup) backup=no ;;
    --dry-run) dry_run=yes ;;
    --tenant=*) tenants+=("$argument") ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) unknown_argument "$argument" ;;
  esac
done

load_environment
open_log migration_fix.log
take_lock fix_production_migrations
need_temporary

code=0
step verify verify_into "$temporary/before.json" || code=$?
[[ $code -le 1 ]] || exit "$code"
say before "$(standing "$temporary/before.json")"
if [[ $code -eq 0 ]]; then
  say healed "nothing: all is well"
  exit 0
fi
if [[ $dry_run == yes ]]; then
  manage verify_tenant_migrations --fix --dry-run ${tenants[@]+"${tenants[@]}"} || code=$?
  exit "$code"
fi

if [[ $backup == yes ]]; then
  step backup manage backup_database >"$temporary/backup" ||
    fail 3 "no backup, so nothing was healed: mend what is said above, or give --no-backup"
  say backup "$(tail -n 1 "$temporary/backup")"
else
  say backup "none, as you said"
fi

code=0
step heal manage verify_tenant_migrations --fix --no-input --quiet \
  ${tenants[@]+"${tenants[@]}"} >"$temporary/healed" || code=$?
case $code in
  0 | 1)
    healed=$(head -n 1 "$temporary/healed")
    say healed "${healed:-nothing: it was refused, see above}"
    ;;
  *) exit "$code" ;;
esac

code=0
step verify verify_into "$temporary/after.json" || code=$?
[[ $code -le 1 ]] || exit "$code"
say after "$(standing "$temporary/after.json")"
step health manage health_check >"$temporary/health" || [[ $code -ne 0 ]] || code=$?
say health "$(tail -n 1 "$temporary/health")"
if [[ $code -ne 0 ]]; then
  printf '\nWhat remains:\n'
  manage verify_tenant_migrations --quiet ${tenants[@]+"${tenants[@]}"} || true
fi
exit "$code"
