#!/usr/bin/env bash
# Makes .venv from the lock files; does nothing when it is up to date.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
stamp=.venv/.setup-stamp

say() { echo "setup: $*" >&2; }
fail() {
  echo "setup.sh: $2" >&2
  exit "$1"
}

usage() {
  cat <<'EOF'
usage: scripts/setup.sh [--dev]

Creates .venv beside this folder with what requirements.lock lists (every file checked against
its hash) and the app django-tenant-migrations itself, editable. Safe to run again, and quick
when nothing has changed.

  --dev   also what tests, linters and type checks need (requirements-dev.lock)

PYTHON names the interpreter to use (default: the first of python3, python3.14 ... python3.11
that is 3.11 or newer). Exit codes: 0 ready, 2 wrong use, 3 it could not be set up.
EOF
}

find_python() {
  local candidate candidates=(python3 python3.14 python3.13 python3.12 python3.11)
  [[ -n ${PYTHON-} ]] && candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail 3 "no Python 3.11 or newer in ${candidates[*]}: install one (Debian: apt-get install python3 python3-venv) or name it in PYTHON"
}

# One word for the state of all that the installation depends on.
wanted_state() {
  "$python" - requirements.lock requirements-dev.lock pyproject.toml <<'EOF'
import hashlib, pathlib, sys
print(hashlib.sha256(b"\0".join(pathlib.Path(p).read_bytes() for p in sys.argv[1:])).hexdigest())
EOF
}

# A copied or moved .venv still points to its old place; one whose Python is gone cannot run.
usable() {
  grep -qF "$root/.venv" .venv/bin/activate 2>/dev/null &&
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

up_to_date() {
  local state
  state=$(cat "$stamp" 2>/dev/null) || return 1
  [[ $state == "dev $wanted" || $state == "$kind $wanted" ]] && usable
}

create_venv() {
  say "creating .venv with $("$python" --version)"
  "$python" -m venv --clear .venv >&2 ||
    fail 3 "'$python -m venv' failed: on Debian and Ubuntu run apt-get install python3-venv"
}

install() {
  local lock=requirements.lock pip=(.venv/bin/python -m pip install --quiet --no-input)
  [[ $kind == dev ]] && lock=requirements-dev.lock
  say "installing the packages of $lock"
  "${pip[@]}" --require-hashes -r "$lock" ||
    fail 3 "the packages of $lock could not be installed: see above, then run this again"
  say "installing django-tenant-migrations, editable"
  "${pip[@]}" --no-deps --no-build-isolation --editable . ||
    fail 3 "the app could not be installed: see above"
}

kind=runtime
for argument; do
  case "$argument" in
    --dev) kind=dev ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail 2 "unknown option '$argument': see scripts/setup.sh --help" ;;
  esac
done

unset PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_USER=0
python=$(find_python)
wanted=$(wanted_state)
if up_to_date; then
  exit 0
fi

# The lock lives as long as this shell keeps the file open, and macOS has no flock command.
if ! mkdir -p var || ! : >>var/setup.lock; then
  fail 3 "$root/var cannot be written: work as the owner of the checkout"
fi
exec 9>>var/setup.lock
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
if up_to_date; then
  exit 0
fi
# Development tools that are there stay and keep pace with the lock.
[[ $(cat "$stamp" 2>/dev/null) == dev* ]] && kind=dev
rm -f "$stamp"
usable || create_venv
install
echo "$kind $wanted" >"$stamp.new"
mv "$stamp.new" "$stamp"
say "ready: .venv/bin/python manage.py help"
