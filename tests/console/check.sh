#!/usr/bin/env bash
# The page's own JavaScript and CSS: types by tsc, lint and format by Biome.
# With --write it is formatted and mended first, where Biome can.
set -euo pipefail
cd "$(dirname "$0")"
PAGE=../../src/unstill/server/console

for program in node npm; do
    command -v "$program" >/dev/null && continue
    if [ -n "${CI:-}" ]; then
        echo "check-console: CI must install $program" >&2
        exit 1
    fi
    echo "check-console: skipped, $program is not installed"
    exit 0
done

if [ ! node_modules/.ready -nt package.json ]; then
    npm install --no-package-lock --no-audit --no-fund --loglevel=error
    touch node_modules/.ready
fi
if [ "${1:-}" = --write ]; then
    node_modules/.bin/biome check --write "$PAGE" . ../node
fi
node_modules/.bin/tsc
node_modules/.bin/biome check --error-on-warnings "$PAGE" . ../node
