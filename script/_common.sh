# Sourced by the scripts beside it: where things are, how to say things, how to find uv and Python.
# shellcheck shell=bash
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=$ROOT/.cache
VENV=$ROOT/.venv
UV_VERSION=0.13.6
PYTHON_WANTED='>=3.14.2,<3.15'
PRIVATE_PYTHON=${XDG_CACHE_HOME:-$HOME/.cache}/picoqwen/python314

# uv carries certificates of its own; the machine's are the right ones behind a company's proxy.
if [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ]; then
  export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
fi

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

# Print the path of a uv that runs; install a private one with pip where there is none.
find_uv() {
  local uv log
  for uv in "$(command -v uv || true)" "$CACHE/uv/bin/uv"; do
    [ -n "$uv" ] && "$uv" --version >/dev/null 2>&1 && { echo "$uv"; return; }
  done
  command -v python3 >/dev/null || fail "no uv and no python3 found; install uv (https://docs.astral.sh/uv) or python3 with pip"
  say "installing uv $UV_VERSION privately ..."
  mkdir -p "$CACHE"
  log=$CACHE/uv-install.log
  if ! python3 -m pip --version >/dev/null 2>&1; then
    python3 -m venv "$CACHE/uv-pip" >"$log" 2>&1 ||
      fail "no uv found, and this python3 has neither pip nor venv to install it; install uv, or the packages python3-pip or python3-venv"
    PATH=$CACHE/uv-pip/bin:$PATH
  fi
  python3 -m pip install --quiet --disable-pip-version-check --target "$CACHE/uv" --upgrade "uv==$UV_VERSION" >"$log" 2>&1 ||
    fail "pip could not install uv $UV_VERSION; is the network there? $(tail -n 1 "$log")"
  echo "$CACHE/uv/bin/uv"
}

python_is_new_enough() {
  [ -x "$1" ] && "$1" -I -c 'import sys, ssl, sqlite3, venv; sys.exit(not (3, 14, 2) <= sys.version_info < (3, 15))' 2>/dev/null
}

# Print the path of a Python that Home Assistant runs on: found, downloaded by uv, or unpacked from Debian packages.
find_python() {
  local uv python log=$CACHE/python-install.log
  if python_is_new_enough "$PRIVATE_PYTHON/bin/python3.14"; then
    echo "$PRIVATE_PYTHON/bin/python3.14"
    return
  fi
  uv=$(find_uv)
  python=$("$uv" python find --system --no-python-downloads "$PYTHON_WANTED" 2>/dev/null || true)
  if python_is_new_enough "$python"; then
    echo "$python"
    return
  fi
  mkdir -p "$CACHE"
  say "getting Python 3.14 ..."
  if UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-20} UV_HTTP_RETRIES=1 "$uv" python install 3.14 >"$log" 2>&1; then
    python=$("$uv" python find --system --no-python-downloads "$PYTHON_WANTED" 2>/dev/null || true)
    python_is_new_enough "$python" && { echo "$python"; return; }
  fi
  if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    say "uv could not download one; unpacking Debian's packages into $PRIVATE_PYTHON ..."
    if "$ROOT/script/python314.sh" "$PRIVATE_PYTHON" >>"$log" 2>&1; then
      echo "$PRIVATE_PYTHON/bin/python3.14"
      return
    fi
  fi
  fail "no Python $PYTHON_WANTED here and none could be downloaded (is the network there?); install one, or see $log ($(tail -n 1 "$log"))"
}
