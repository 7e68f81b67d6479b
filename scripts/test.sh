#!/usr/bin/env bash
# Sets up what is missing and runs the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1-}" in
  -h | --help)
    cat <<'EOF'
usage: scripts/test.sh [pytest arguments]

Runs ./scripts/setup.sh --dev, then pytest from the root of the checkout. Without arguments all
tests run, in two processes. They use a PostgreSQL of their own and nothing of yours.

  scripts/test.sh                                  everything
  scripts/test.sh tests/platform -k concurrent     some, one after the other
  scripts/test.sh -n 4                             everything, in four processes

Exit codes are pytest's: 0 all passed, 1 some failed.
EOF
    exit 0
    ;;
esac

./scripts/setup.sh --dev
if [[ $# -eq 0 ]]; then
  set -- --numprocesses 2
fi
exec .venv/bin/python -m pytest "$@"
