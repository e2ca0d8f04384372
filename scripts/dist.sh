#!/usr/bin/env bash
# Builds a wheel of the backend with the built page and the commit inside, into dist/ or the folder given, beside the
# locked versions of what it needs. It copies the sources first, because a page below backend/app would go stale there.
set -euo pipefail
cd "$(dirname "$0")/.."
to=$(realpath -m "${1:-dist}")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -RL backend/pyproject.toml backend/LICENSE backend/app backend/localstore backend/mediaprobe "$copy"
cp -R frontend/out "$copy/app/page"
rm -f "$copy/app/page/.built"
if commit=$(git rev-parse --short=12 HEAD 2>/dev/null); then
  echo "$commit" >"$copy/app/commit.txt"
fi
mkdir -p "$to"
rm -f "$to"/*.whl
.boot/bin/uv build --quiet --wheel --no-create-gitignore --out-dir "$to" "$copy"
cp backend/requirements.txt "$to"
ls "$to"/*.whl
