# Sourced by the scripts that look at the page in a real Chromium: an environment of its own in $BROWSER, and $CHROMIUM.
# Debian's chromium is installed where this runs as root and there is none; CHROMIUM names another.
# shellcheck shell=bash
BROWSER=$CACHE/browser
WANTED=$(sha256sum requirements/browser.txt | cut -d' ' -f1)

find_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    [ -n "$name" ] && command -v "$name" && return
  done
  return 1
}

if ! find_chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing chromium ..."
  { apt-get update && apt-get install --yes --no-install-recommends chromium; } >"$CACHE/chromium-install.log" 2>&1 ||
    fail "could not install chromium; $CACHE/chromium-install.log says why"
fi
CHROMIUM=$(find_chromium) || fail "there is no Chromium; install it, or name one: CHROMIUM=/path/to/chrome $0"
export CHROMIUM

if [ "$(cat "$BROWSER/.installed" 2>/dev/null)" != "$WANTED" ]; then
  UV=$(find_uv)
  PYTHON=$(find_python)
  say "installing the packages of requirements/browser.txt ..."
  "$UV" venv --quiet --clear --python "$PYTHON" "$BROWSER"
  "$UV" pip sync --quiet --require-hashes --python "$BROWSER/bin/python" requirements/browser.txt ||
    fail "could not install the packages of requirements/browser.txt (the reason stands above); is the network there?"
  echo "$WANTED" >"$BROWSER/.installed"
fi
