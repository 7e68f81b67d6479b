#!/usr/bin/env bash
# From nothing to a fleet of tenants that is broken, verified and healed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=.venv/bin/python
tenants=25

fail() {
  echo "demo.sh: $2" >&2
  exit "$1"
}

usage() {
  cat <<'EOT'
usage: scripts/demo.sh [--tenants=N]

Sets up what is missing, starts the embedded PostgreSQL, makes 25 demo tenants, breaks six of
them in six ways, verifies, heals and verifies again, and says what remains. Safe to run again:
demo tenants that are well are kept, the others are made anew before six are broken.

  --tenants=N   how many tenants to have, 7 or more (default: 25)

With DATABASE_URL it works there instead, unless that database has tenants that are no demo.
Exit codes: 0 all went as it should, 1 something did not, 2 wrong use, 3 it could not be done,
75 another demo is running.
EOT
}

# One demo at a time; the lock lives as long as this shell keeps the file open.
take_lock() {
  mkdir -p var
  exec 8>>var/demo.lock
  "$python" -c 'import fcntl; fcntl.flock(8, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null ||
    fail 75 "another demo is running here: wait until it is through"
}

title() { printf '\n== %s\n' "$*"; }

manage() { "$python" manage.py "$@"; }

# The command as one would type it, and what it answers; its exit code must be the one given.
show() { # exit code, arguments ...
  local code=0
  echo "\$ $python manage.py ${*:2}"
  manage "${@:2}" || code=$?
  echo "(exit code $code)"
  [[ $code == "$1" ]] || fail 1 "that should have been exit code $1: see above"
}

# Demo tenants that are not ok, one "name status" a line.
not_ok() {
  { manage verify_tenant_migrations --json || true; } | "$python" -c '
import json, sys
for tenant in json.load(sys.stdin)["tenants"]:
    if tenant["schema_name"].startswith("tenant_demo") and tenant["status"] != "ok":
        print(tenant["schema_name"], tenant["status"])'
}

expect() { # what that means; what is expected on stdin
  diff <(sort) <(not_ok | sort) >&2 || fail 1 "expected (<) and found (>) differ: see above"
  echo "$1"
}

for argument; do
  case "$argument" in
    --tenants=*) tenants=${argument#--tenants=} ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail 2 "unknown option '$argument': see scripts/demo.sh --help" ;;
  esac
done
[[ $tenants =~ ^[1-9][0-9]{0,4}$ && $tenants -ge 7 ]] ||
  fail 2 "--tenants takes 7 to 99999, not '$tenants': six are broken"

title "Set up"
./scripts/setup.sh
"$python" --version
take_lock
if [[ -n ${DATABASE_URL-} ]]; then
  echo "PostgreSQL: the server that DATABASE_URL names"
  manage break_demo_tenants --dry-run >/dev/null
else
  echo "PostgreSQL: $(manage embedded_postgres start)"
fi

title "$tenants tenants, each with a schema of its own"
manage bootstrap_demo_tenant "--tenants=$tenants"

title "Break six of them, each in its own way"
broken=$(manage break_demo_tenants)
echo "$broken"

title "Verify: is every tenant at the code?"
show 1 verify_tenant_migrations
awk '{print $1, $2}' <<<"$broken" | expect "All six are found, and no other demo tenant."

title "Heal what can be proven safe"
show 1 verify_tenant_migrations --fix --no-input
grep -E ' (inconsistent|ahead) ' <<<"$broken" | awk '{print $1, $2}' |
  expect "Four are healed. The other two are left alone until somebody decides."

title "Decide: record what the structure proves applied"
show 0 verify_tenant_migrations --fix --reconcile --tenant=tenant_demo_006 --no-input

title "Verify again"
show 1 verify_tenant_migrations
grep ' ahead ' <<<"$broken" | awk '{print $1, $2}' | expect "Five are healed."
cat <<EOT

What remains is the tenant whose ledger is ahead of this code: a newer release has been there,
and healing only moves forward. Deploy that release, or undo its migration with it. Here nobody
has it: run this again, and the demo makes the tenant anew.

What to try next:
  $python manage.py verify_tenant_migrations --json
  $python manage.py verify_tenant_migrations --tenant=tenant_demo_007
  $python manage.py migrate_schemas finance 0020 --schema=tenant_demo
  $python manage.py verify_tenant_migrations --fix --dry-run
  $python manage.py setup_beta_tenant "Acme GmbH" owner@acme.example
  $python manage.py embedded_postgres stop

The pages of the fleet, and each tenant's own, such as http://demo.localhost:8000/ (the link that
was printed above signs its owner in):
  DEBUG=1 $python manage.py runserver

EOT
operator=$(manage create_demo_operator)
read -r address account password <<<"$operator"
cat <<EOT
  address   $address
  account   $account
  password  $password     (shown this once; the next demo gives a new one)
EOT
