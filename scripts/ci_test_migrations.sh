#!/usr/bin/env bash
# The gate for changes: whether the migrations of this checkout may go out while old code runs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'EOT'
usage: scripts/ci_test_migrations.sh [--base=REVISION] [--seed=LINE]... [--old-test=LINE]...
                                     [--junit=FILE]

For the CI of any Git host. Checks the base revision out beside this one, and lets
`manage.py check_migrations` try what has changed since: missing migrations, conflicting leaves,
unsafe operations (squawk and django-migration-linter, inside a tenant's schema), forward and
backward on tenants with data, the old code on the new schema, and a verification at the end.

  --base=REVISION   the code that runs now (default: where this branch left origin/main or main)
  --seed=LINE       for manage.py of the base: makes tenants with data (default:
                    bootstrap_demo_tenant); may be repeated
  --old-test=LINE   a command for the base's folder once the new migrations are applied, such as
                    "python -m pytest tests/smoke"; may be repeated
  --junit=FILE      write the cases there as JUnit's XML

DATABASE_URL   an empty database, for throwing away
PROJECT_DIR    the folder of manage.py of another project (default: this checkout)
PYTHON         the interpreter of that project

Exit codes: 0 nothing wrong, 1 findings, 2 wrong use, 3 could not be checked.
EOT
}

# shellcheck disable=SC2329 # called by trap
remove_old() {
  git -C "$project" worktree remove --force "$temporary/old" 2>/dev/null || true
  rm -rf -- "$temporary"
}

base='' seeds=() options=()
for argument; do
  case $argument in
    --base=*) base=${argument#--base=} ;;
    --seed=*) seeds+=("$argument") ;;
    --old-test=*) options+=("$argument") ;;
    --junit=*) options+=("--junit=$(from_caller "${argument#--junit=}")") ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) unknown_argument "$argument" ;;
  esac
done

project=$(from_caller "${PROJECT_DIR:-$root}")
[[ -z ${PYTHON-} ]] || python=$PYTHON
need_python
[[ -f $project/manage.py ]] || fail 2 "$project has no manage.py: name its folder in PROJECT_DIR"
git -C "$project" rev-parse --git-dir >/dev/null 2>&1 ||
  fail 2 "$project is in no Git repository: check it out with git"
if [[ -z $base ]]; then
  base=$(git -C "$project" merge-base HEAD origin/main 2>/dev/null ||
    git -C "$project" merge-base HEAD main 2>/dev/null) ||
    fail 2 "no common revision with origin/main or main: give --base=REVISION, and fetch it (CI often fetches one revision only)"
fi
git -C "$project" rev-parse --quiet --verify "$base^{commit}" >/dev/null ||
  fail 2 "there is no revision '$base' here: fetch it (CI often fetches one revision only)"

need_temporary
trap remove_old EXIT
git -C "$project" worktree add --quiet --detach "$temporary/old" "$base" ||
  fail 3 "the revision '$base' cannot be checked out: see above"
# manage.py need not be at the root of the repository.
old=$temporary/old/$(git -C "$project" rev-parse --show-prefix)
[[ ${#seeds[@]} -gt 0 ]] || seeds=(--seed=bootstrap_demo_tenant)

cd "$project"
code=0
"$python" manage.py check_migrations "--old=$old" "${seeds[@]}" \
  ${options[@]+"${options[@]}"} || code=$?
exit "$code"
