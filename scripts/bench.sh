#!/usr/bin/env bash
# Measures the app beside its peers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
peers=var/bench/peers

fail() {
  echo "bench.sh: $2" >&2
  exit "$1"
}

usage() {
  cat <<'EOF'
usage: scripts/bench.sh verify [--tenants=500] [--rounds=5] [--quick]
       scripts/bench.sh rollout [--sizes=500] [--rounds=5] [--peers=NAME,...|none]
       scripts/bench.sh rollout-small [--sizes=100,500,5000] [--rounds=3]
       scripts/bench.sh growth [--sizes=100,500,1000] [--rounds=5]
       scripts/bench.sh provision [--tenants=100] [--rounds=5]
       scripts/bench.sh guard [--rounds=20]
       scripts/bench.sh recording [--tenants=500] [--rounds=10]
       scripts/bench.sh backup [--sizes=100,1000] [--rounds=5]
       scripts/bench.sh workers [--tenants=24] [--rounds=3]
       scripts/bench.sh clean
       scripts/bench.sh lock

Sets up what is missing, installs the peers beside it in var/bench, makes fleets of tenants on a
PostgreSQL of its own there and measures whole processes in turns. The results are printed and
written to benchmarks/results as JSON and Markdown (--output=FOLDER: elsewhere).

  verify   is every tenant at the code? The app, its peers, and the same reads as bare SQL.
           The peers take minutes; --quick shows them a small fleet only
  rollout  nothing to do, two migrations, and these with rows written by code, on every tenant: the
           app, the peers (smart, multiprocessing, standard) on up to 500 tenants, and the same
           statements replayed
  rollout-small  the same without peers on thousands of tenants, which have few relations
  growth   the app alone, on fleets of several sizes
  provision  a new tenant beside N others: the app, django-tenants' save(), and psql replaying
           a dump
  guard    what the guard of tenants' pages costs a healthy request, with and without it in turns
  recording  what a check's sample and the tenants' states cost beside the check itself
  backup   a backup and the restore of one tenant, beside pg_dump and pg_restore
  workers  a rollout whose Python waits, computes, or writes rows in every tenant: one process
           alone, and 1, 2 and 4 of Celery's workers (redis-server has to be installed)
  clean    deletes the server and its fleets; otherwise they are kept for the next run
  lock     writes benchmarks/requirements.lock from benchmarks/requirements.in

A fleet of 500 tenants needs 2 GB below var/ and a few minutes the first time.

Exit codes: 0 measured, 1 a target was missed or an answer was wrong, 2 wrong use, 3 it could not
be measured, 75 another run is measuring.
EOF
}

# As in lock.sh: indexes and caches of this machine must not show in the lock.
write_lock() {
  local name
  while IFS='=' read -r name _; do
    case "$name" in UV_* | PIP_*) unset "$name" ;; esac
  done < <(env)
  .venv/bin/uv --no-config --quiet pip compile benchmarks/requirements.in \
    --output-file benchmarks/requirements.lock --no-deps --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links \
    --custom-compile-command './scripts/bench.sh lock'
}

install_peers() {
  cmp --silent benchmarks/requirements.lock "$peers/.lock" && return
  rm -rf "$peers"
  .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
    --root-user-action=ignore --no-deps --require-hashes --target "$peers" \
    -r benchmarks/requirements.lock ||
    fail 3 "the peers of benchmarks/requirements.lock could not be installed: see above"
  cp benchmarks/requirements.lock "$peers/.lock"
}

case "${1-}" in
  -h | --help)
    usage
    exit 0
    ;;
  verify | rollout | rollout-small | growth | provision | guard | recording | backup | workers | clean | lock) ;;
  *) fail 2 "name a benchmark: see scripts/bench.sh --help" ;;
esac

./scripts/setup.sh --dev
if [[ $1 == lock ]]; then
  write_lock
  exit 0
fi
case "$1" in
  clean | guard | recording | backup) ;;
  *) install_peers ;;
esac
exec .venv/bin/python -m benchmarks "$@"
