#!/usr/bin/env bash
# Installs the Debian packages that some tests need; without them those tests are skipped.
set -euo pipefail

packages=(
  chromium                # draws the weekly report for its screenshot test
  logrotate               # turns the scripts' logs over
  pgbouncer               # a pooler, to be noticed
  postgresql              # a second server version, from the distribution
  prometheus              # promtool: checks and tests the rules
  prometheus-alertmanager # amtool: checks Alertmanager's configuration
  redis-server            # the broker of rollouts on several machines
  systemd                 # systemd-analyze: checks the timers
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null |
    grep -qx installed || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi
if ! command -v apt-get >/dev/null || [[ $(id -u) -ne 0 ]]; then
  echo "install-debian-packages.sh: not root on a Debian system, so without: ${missing[*]}" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
