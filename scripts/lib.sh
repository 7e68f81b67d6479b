# shellcheck shell=bash
# What the scripts of unattended work share. It is sourced, not run:
#
#   #!/usr/bin/env bash
#   # What it does.
#   set -euo pipefail
#   # shellcheck source=scripts/lib.sh
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#
# Sourcing it goes to the root of the checkout, whatever the current directory was, and sets
#
#   root          the checkout
#   caller_dir    where the script was called
#   script        the script's name, such as backup_database.sh
#   python        the interpreter: .venv's, else the one on PATH (in a container)
#
# Exit codes, as everywhere: 0 clean, 1 findings, 2 wrong use, 3 could not ask, 75 busy.

script=$(basename "$0")
caller_dir=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 3

python=$root/.venv/bin/python
[[ -x $python ]] || python=$(command -v python3 || true)

log_file=
temporary=

# End with a code and one line on stderr: what, why, and what to type next.
fail() { # exit code, message
  [[ $log_file == - ]] || echo "$script: $2" >&2
  [[ -z $log_file ]] || log error failed "code=$1" "error=$2"
  exit "$1"
}

# The usual answer to an argument that the script does not know.
unknown_argument() { # argument
  fail 2 "unknown argument '$1': see scripts/$script --help"
}

# A path as the caller meant it, who may have been in another directory.
from_caller() { # path
  case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s' "$caller_dir/$1" ;;
  esac
}

# Settings that cron does not pass on: KEY=VALUE lines of a file, as systemd reads them. Nothing in
# it is run, and what is in the environment already stays.
load_environment() {
  local file=${ZUMODRA_ENVIRONMENT:-/etc/zumodra/environment} line name value
  if [[ ! -e $file ]]; then
    [[ -z ${ZUMODRA_ENVIRONMENT-} ]] || fail 2 "ZUMODRA_ENVIRONMENT names $file, which is not there"
    return 0
  fi
  [[ -r $file ]] || fail 3 "$file cannot be read: run as a user who may, or unset it"
  while IFS= read -r line || [[ -n $line ]]; do
    [[ $line =~ ^[[:space:]]*([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
    name=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
    if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then value=${BASH_REMATCH[1]}; fi
    [[ -n ${!name+set} ]] || export "$name=$value"
  done <"$file"
}

# Let `log` write to a file in LOG_DIR (default /var/log/zumodra); where that cannot be written, in
# var/log of the checkout, which is said once. Sets log_file and exports LOG_DIR.
open_log() { # file name
  local wanted
  wanted=$(from_caller "${LOG_DIR:-/var/log/zumodra}")
  if writable_log "$wanted/$1"; then
    LOG_DIR=$wanted
  else
    LOG_DIR=$root/var/log
    writable_log "$LOG_DIR/$1" ||
      fail 3 "neither $wanted nor $LOG_DIR can be written: name a folder in LOG_DIR"
    echo "$script: $wanted cannot be written, logging to $LOG_DIR" >&2
  fi
  export LOG_DIR
  log_file=$LOG_DIR/$1
}

writable_log() { # path
  { mkdir -p "$(dirname "$1")" && : >>"$1"; } 2>/dev/null
}

# One line for an event: time, level, script, event, and key=value pairs. Where log_file is - it goes
# to stderr, as in a container.
log() { # level, event, key=value ...
  local line pair
  line="time=$(date -u +%Y-%m-%dT%H:%M:%SZ) level=$1 script=$script event=$2"
  for pair in "${@:3}"; do
    line+=" ${pair%%=*}=$(log_value "${pair#*=}")"
  done
  if [[ $log_file == - ]]; then printf '%s\n' "$line" >&2; else printf '%s\n' "$line" >>"$log_file"; fi
}

# A value as it stands where it is one plain word, else quoted, control characters escaped. The
# password of a URL is masked.
log_value() { # text
  local text=$1
  if [[ $text == *://*@* ]]; then
    text=$(sed -E 's#(://[^/:@[:space:]]*):[^[:space:]]*@#\1:***@#g' <<<"$text")
  fi
  if [[ $text =~ ^[[:alnum:]_.,:/@%+*-]+$ ]]; then
    printf '%s' "$text"
    return
  fi
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "${text//[[:cntrl:]]/?}"
}

# Runs of one kind never overlap: the lock is a file in LOCK_DIR (default: var in the checkout). It
# goes with this process, however that ends; a command that outlives it keeps it until it is through.
take_lock() { # name
  local folder
  folder=$(from_caller "${LOCK_DIR:-$root/var}")
  need_python
  { mkdir -p "$folder" && : >>"$folder/$1.lock"; } 2>/dev/null ||
    fail 3 "$folder cannot be written: name another folder in LOCK_DIR"
  exec 9>>"$folder/$1.lock"
  if ! "$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
    [[ -z $log_file ]] || log info busy "lock=$1"
    echo "$script: another run is at work; nothing was done: try again when it is through" >&2
    exit 75
  fi
}

need_python() {
  [[ -n $python ]] || fail 3 "no Python here: run ./scripts/setup.sh"
}

# manage.py of this checkout.
manage() { # arguments ...
  need_python
  "$python" "$root/manage.py" "$@"
}

# Run a command as a step of the script: its begin, end, duration and exit code are logged, with the
# last line of what it said on stderr where it failed. Returns its exit code. Its output goes where
# it would go without.
step() { # name, command ...
  local code=0 began=$SECONDS said
  need_temporary
  log info step_started "step=$1"
  { "${@:2}" 2>&1 >&3 | tee "$temporary/stderr" >&2; } 3>&1 || code=$?
  said=$(tail -n 1 "$temporary/stderr")
  case $code in
    0) log info step_ended "step=$1" code=0 "duration=$((SECONDS - began))" ;;
    *) log warning step_ended "step=$1" "code=$code" "duration=$((SECONDS - began))" "error=$said" ;;
  esac
  return "$code"
}

# A folder that only this user can read, named in temporary, deleted when the script ends.
need_temporary() {
  [[ -z $temporary ]] || return 0
  temporary=$(mktemp -d "${TMPDIR:-/tmp}/zumodra.XXXXXXXX") ||
    fail 3 "no temporary folder can be made in ${TMPDIR:-/tmp}"
  trap 'rm -rf -- "$temporary"' EXIT
}
