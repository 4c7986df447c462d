#!/usr/bin/env bash
# Puts in place what the tests need beyond npm: three browsers, PostgreSQL, NATS and readers of QR codes and PDFs.
# As root on Debian it installs what is missing; elsewhere it names it and fails, so that no suite is skipped unseen.
set -euo pipefail

# Debian package and a file (pattern) that it brings.
needs=(
  'curl                */bin/curl'
  'chromium            */bin/chromium'
  'chromium-driver     */bin/chromedriver'
  'firefox-esr         */bin/firefox-esr'
  'webkit2gtk-driver   */bin/WebKitWebDriver'
  'xvfb                */bin/Xvfb'
  'xauth               */bin/xauth'
  'postgresql          /usr/lib/postgresql/*/bin/initdb'
  'nats-server         */bin/nats-server'
  'wrk                 */bin/wrk'
  'zbar-tools          */bin/zbarimg'
  'poppler-utils       */bin/pdftoppm'
  'strace              */bin/strace'
  'e2fsprogs           */bin/mkfs.ext4'
)

present() {
  case $1 in
    '*/bin/'*) command -v "${1##*/}" >/dev/null || [[ -x /usr/sbin/${1##*/} ]] ;;
    *) compgen -G "$1" >/dev/null ;;
  esac
}

list_missing() {
  local package file
  for need in "${needs[@]}"; do
    read -r package file <<<"$need"
    present "$file" || echo "$package"
  done
}

mapfile -t missing < <(list_missing)
((${#missing[@]} == 0)) && exit 0

if [[ $(id -u) != 0 || ! -e /etc/debian_version ]] || ! command -v apt-get >/dev/null; then
  echo "The tests need these Debian packages (or what they bring, on the PATH): ${missing[*]}" >&2
  echo "On Debian: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "Installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Another apt (unattended upgrades) may hold the lock for a while.
apt=(apt-get -qq -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "Could not install: ${missing[*]}" >&2
  exit 1
fi

mapfile -t missing < <(list_missing)
if ((${#missing[@]})); then
  echo "Installed, but still not found: ${missing[*]}" >&2
  exit 1
fi
