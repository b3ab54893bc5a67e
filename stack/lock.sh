#!/bin/sh
# Makes requirements.lock from pyproject.toml. uv compiles no group of an unmanaged project, so it is given a copy that
# does not say `managed = false`; the project says that because a uv.lock would name a registry's host on each line.
set -eu
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
sed '/^\[tool\.uv\]/,/^\[/{/^\[tool\.uv\]/d;/^managed/d;}' pyproject.toml > "$copy/pyproject.toml"
cp requirements.lock "$copy/" 2>/dev/null || true  # keeps what is pinned, unless UPGRADE=--upgrade
UV=$(command -v uv || echo "$PWD/.cache/uv/bin/uv")
(cd "$copy" && "$UV" pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --quiet ${UPGRADE:-} --output-file requirements.lock)
cp "$copy/requirements.lock" requirements.lock
