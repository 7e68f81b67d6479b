#!/usr/bin/env bash
# Writes requirements.lock and requirements-dev.lock from pyproject.toml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1-}" in
  "") ;;
  -h | --help)
    cat <<'EOF'
usage: scripts/lock.sh [--upgrade]

Writes requirements.lock (what the platform runs on) and requirements-dev.lock (that and the
tools of development) from pyproject.toml, with the hashes of every file of the public package
index. Versions already locked are kept where they still fit; --upgrade takes the newest.
Needs .venv (./scripts/setup.sh --dev) and the network.
EOF
    exit 0
    ;;
  --upgrade) ;;
  *)
    echo "lock.sh: unknown option '$1': see scripts/lock.sh --help" >&2
    exit 2
    ;;
esac

# Indexes and caches of this machine must not show in the locks.
while IFS='=' read -r name _; do
  case "$name" in UV_* | PIP_*) unset "$name" ;; esac
done < <(env)

compile() { # group, output
  .venv/bin/uv --no-config --quiet pip compile pyproject.toml --group "$1" --output-file "$2" \
    --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-emit-find-links --custom-compile-command ./scripts/lock.sh "${@:3}"
  if grep -nE '://|file:|--(index|extra|find)|@ ' "$2" >&2; then
    echo "lock.sh: $2 names a place to fetch from: see the lines above" >&2
    exit 3
  fi
}

# The same versions in both: the second keeps what the first has pinned.
compile platform requirements.lock "$@"
compile dev requirements-dev.lock --constraint requirements.lock "$@"
