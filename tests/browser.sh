#!/bin/sh
# What the tests of pages need besides `make setup`: a browser and its driver. Installs them where it may, says what to
# type otherwise, and fails never: without them those tests are skipped, and say why.
set -eu
PACKAGES="chromium chromium-driver fonts-dejavu-core"

here() { command -v chromedriver >/dev/null && { command -v chromium || command -v google-chrome; } >/dev/null; }
say() { printf 'browser: %s\n' "$1" >&2; }

here && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing chromium with apt-get"
  # shellcheck disable=SC2086 - three packages, three words
  { apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $PACKAGES; } >&2 || say "apt-get failed"
fi
here || say "no browser: tests of pages are skipped; next: sudo apt-get install $PACKAGES (Debian)"
