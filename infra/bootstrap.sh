#!/usr/bin/env bash
# Set-up of a fresh clone: Debian packages, .venv, Kafka's jars, hls.js.  `make` calls it before everything; quick when nothing is to be done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROGRAMS="java mvn redis-server mariadbd mariadb-install-db my_print_defaults setpriv ffmpeg ffprobe"
LIBRARIES="libgomp.so.1"  # of implicit's wheel
PLAYER="chromium fc-match cjk-font"  # of `juliu demo --story media` and its test alone: without them all else works
PYTHONS="python3.11 python3 python3.12 python3.13"

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }
have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }

has_library() { ! PATH="$PATH:/sbin:/usr/sbin" command -v ldconfig >/dev/null || PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q "$1"; }

package_of() {
  case $1 in
    java) echo openjdk-17-jre-headless ;;
    mvn) echo maven ;;
    redis-server) echo redis-server ;;
    mariadbd | mariadb-install-db) echo mariadb-server-core ;;
    my_print_defaults) echo mariadb-client-core ;;
    setpriv) echo util-linux ;;
    libgomp.so.1) echo libgomp1 ;;
    ffmpeg | ffprobe) echo ffmpeg ;;
    chromium) echo chromium ;;
    fc-match) echo fontconfig ;;
    cjk-font) echo fonts-wqy-microhei ;;
    venv) echo python3-venv ;;
  esac
}

has_player_part() {
  case $1 in
    cjk-font) have fc-list && [ -n "$(fc-list :lang=zh-cn)" ] ;;
    *) have "$1" ;;
  esac
}

# The stamp names what was set up; any change of these files, of the Python or of a moved checkout means doing it again.
fingerprint() { { pwd; cat requirements/dev.txt requirements/uv.txt pyproject.toml infra/local/etc/*-pom.xml infra/bootstrap.sh; } | sha256sum; }
done_before() { [ -x .venv/bin/juliu ] && [ "$(cat .venv/setup.stamp 2>/dev/null)" = "$(fingerprint)" ]; }

missing_programs() {
  for program in $PROGRAMS; do have "$program" || echo "$program"; done
  for library in $LIBRARIES; do has_library "$library" || echo "$library"; done
}

find_python() {
  local python
  for python in $PYTHONS; do
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { command -v "$python"; return; }
  done
  fail "no Python 3.11, 3.12 or 3.13 found: apt-get install python3"
}

missing_of_the_player() { for part in $PLAYER; do has_player_part "$part" || echo "$part"; done; }

can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

can_install() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }

install_packages() {
  if ! command -v apt-get >/dev/null; then fail "install these yourself (their names in Debian): $*"; fi
  if [ "$(id -u)" != 0 ]; then fail "not root.  Type: sudo apt-get install --no-install-recommends $*"; fi
  say "installing $*"
  local cache log
  cache=$(mktemp -d)  # of our own: a cache that another apt cleans meanwhile loses packages
  log=$(mktemp)
  mkdir "$cache/partial"
  chmod 755 "$cache"
  forbid_service_starts
  if ! apt_install "$cache" "$@" >"$log" 2>&1; then
    say "trying once more after apt-get update"
    { apt-get -o DPkg::Lock::Timeout=120 update && apt_install "$cache" "$@"; } >"$log" 2>&1 || { tail -30 "$log" >&2; allow_service_starts; fail "apt-get failed"; }
  fi
  allow_service_starts
  rm -rf "$cache" "$log"
}

apt_install() {
  local cache=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o Dir::Cache::archives="$cache" -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# Redis's package starts a service of its own at installation; ours is a child of `juliu up`.
OUR_POLICY=""
forbid_service_starts() {
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  OUR_POLICY=yes
  trap allow_service_starts EXIT
}
allow_service_starts() { if [ -n "$OUR_POLICY" ]; then rm -f /usr/sbin/policy-rc.d; OUR_POLICY=""; fi; }

make_venv() {
  local python=$1
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    say "making .venv with $python"
    "$python" -m venv --clear .venv
  fi
  say "installing Python packages"
  if ! cmp -s requirements/uv.txt .venv/uv.installed; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/uv.txt
    cp requirements/uv.txt .venv/uv.installed
  fi
  # uv knows nothing of pip's configuration; where packages come from a mirror named there, pip installs the same pins.
  .venv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python requirements/dev.txt ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
  .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --offline -e .
}

install_player() {
  local missing packages
  missing=$(missing_of_the_player)
  if [ -z "$missing" ]; then return; fi
  # shellcheck disable=SC2046,SC2086
  packages=$(echo $(packages_of $missing))
  # shellcheck disable=SC2086
  if can_install && (install_packages $packages); then return; fi
  say "\`juliu demo --story media\` and its test need $packages (Debian packages); all else works without"
}

packages_of() { for part in "$@"; do package_of "$part"; done | sort -u; }

main() {
  local missing python
  missing=$(missing_programs)
  if [ -z "$missing" ] && done_before; then return; fi
  python=$(find_python)
  if ! can_make_venv "$python" && [ ! -x .venv/bin/pip ]; then missing="$missing venv"; fi
  # shellcheck disable=SC2046,SC2086  words are wanted
  if [ -n "$missing" ]; then install_packages $(packages_of $missing); fi
  install_player
  make_venv "$python"
  say "Kafka's jars"
  .venv/bin/python -m infra.local.kafka_jars
  say "hls.js"
  .venv/bin/python -m infra.local.hls_player
  fingerprint >.venv/setup.stamp
  say "done"
}

mkdir -p var
exec 9>var/setup.lock
flock 9  # two makes at the same time
main
