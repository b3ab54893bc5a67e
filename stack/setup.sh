#!/bin/sh
# What `make setup` does: Java, a virtual environment from requirements.lock, and the jars of the stack.
# Asks for nothing but python3 (3.11 or newer); installs what it may, and says what to type otherwise.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.8
STAMP=.venv/.headrace

fail() { printf 'error: %s\nnext: %s\n' "$1" "$2" >&2; exit 1; }
say() { printf 'setup: %s\n' "$1" >&2; }

java_version() {
  java=${JAVA_HOME:+$JAVA_HOME/bin/}java
  "$java" -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p'
}

need_java() {
  version=$(java_version || true)
  [ "${version:-0}" -ge 17 ] && return
  if [ "$(id -u)" = 0 ] && [ -z "${JAVA_HOME:-}" ] && command -v apt-get >/dev/null; then
    say "installing Java 17 with apt-get"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openjdk-17-jre-headless; } >&2
    version=$(java_version || true)
  fi
  [ "${version:-0}" -ge 17 ] && return
  if command -v apt-get >/dev/null; then how="sudo apt-get install openjdk-17-jre-headless"
  elif command -v dnf >/dev/null; then how="sudo dnf install java-17-openjdk-headless"
  elif command -v brew >/dev/null; then how="brew install openjdk@17"
  else how="install a Java 17 runtime or newer"; fi
  fail "Java 17 or newer is needed${version:+, and java here is $version}${JAVA_HOME:+ (JAVA_HOME=$JAVA_HOME)}" "$how, then make setup"
}

# Only where it is asked for, and no reason to stop: all else works without it.
need_rabbitmq() {
  case " ${WITH:-} " in *" documents "*) ;; *) return ;; esac
  { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null; } && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "no RabbitMQ here, the stack goes without: sudo apt-get install rabbitmq-server (Debian, Ubuntu)"
    return
  fi
  say "installing RabbitMQ with apt-get"
  ours= policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then  # without one, Debian would start it on its own ports
    ours=1
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"
  fi
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rabbitmq-server; } >&2 ||
    say "RabbitMQ could not be installed, the stack goes without"
  [ -z "$ours" ] || rm -f "$policy"
  if command -v systemctl >/dev/null; then
    systemctl disable --quiet rabbitmq-server.service epmd.service epmd.socket 2>/dev/null || true  # ours is the stack's
  fi
}

need_uv() {
  if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then UV=uv; return; fi
  UV=.cache/uv/bin/uv
  [ -x "$UV" ] && "$UV" --version >/dev/null 2>&1 && return
  command -v python3 >/dev/null || fail "python3 is missing" "install Python 3.11 or newer, then make setup"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$(python3 --version) is too old: Python 3.11 or newer is needed" "install it, put it first on PATH as python3, then make setup"
  python3 -c 'import ensurepip, venv' 2>/dev/null ||
    fail "this python3 has no venv and ensurepip" "sudo apt-get install python3-venv (Debian, Ubuntu), then make setup"
  say "installing uv $UV_VERSION into .cache/uv"
  rm -rf .cache/uv
  python3 -m venv .cache/uv
  .cache/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" >&2
  say "uv is not on PATH: where the README says 'uv run headrace', use .venv/bin/headrace, or add .cache/uv/bin to PATH"
}

need_venv() {
  wanted=$(cat requirements.lock pyproject.toml | cksum)
  [ -x .venv/bin/headrace ] && [ "$(cat "$STAMP" 2>/dev/null)" = "$wanted" ] && return
  need_uv
  say "filling .venv from requirements.lock"
  [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || "$UV" venv --quiet --clear --python '>=3.11' .venv
  export VIRTUAL_ENV="$PWD/.venv"
  "$UV" pip sync --quiet --require-hashes --compile-bytecode requirements.lock
  "$UV" pip install --quiet --no-deps --editable .
  printf '%s\n' "$wanted" > "$STAMP"
}

need_java
need_rabbitmq
need_venv
exec .venv/bin/python -m stack.jars
