#!/usr/bin/env bash
# Fail if what is generated is out of date. `make api` writes openapi.json, the page's types and the API reference,
# `make wasm` writes the engine's MD5, `make asvs` the list of the OWASP ASVS.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
.venv/bin/slipway openapi >"$fresh/openapi.json"
(cd frontend && npx --no-install openapi-typescript "$fresh/openapi.json" --output "$fresh/schema.d.ts" >/dev/null 2>&1)
for pair in "openapi.json openapi.json" "schema.d.ts frontend/src/lib/api/schema.d.ts"; do
  set -- $pair
  diff -q "$fresh/$1" "$2" >/dev/null || {
    echo "$2 is out of date: run 'make api' and commit the result." >&2
    exit 1
  }
done
(cd frontend/wasm && node build.mjs --check)
.venv/bin/python scripts/api_page.py --check || {
  echo "docs/reference/api.md is out of date: run 'make api' and commit the result." >&2
  exit 1
}
.venv/bin/python scripts/asvs_page.py --check || {
  echo "docs/reference/asvs.md is out of date: run 'make asvs' and commit the result." >&2
  exit 1
}
