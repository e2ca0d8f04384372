#!/bin/sh
# Ends with a sentence if `make run` cannot work on this system. It comes before anything is installed.
set -eu

system=$(uname -s)
set_in_env_file='^[[:space:]]*(export[[:space:]]+)?s3_(bucket|endpoint_url)[[:space:]]*=[[:space:]]*["'\'']?[^[:space:]"'\''#]'

if [ "$system" = Linux ] || [ -n "${S3_BUCKET:-}${S3_ENDPOINT_URL:-}" ] || grep -qsiE "$set_in_env_file" .env; then
	exit 0
fi
echo "The embedded store runs only on Linux and this is $system, so run Slipway in Docker, WSL 2 or a Linux virtual" \
	"machine, or set S3_BUCKET and S3_ENDPOINT_URL to another S3 (see README.md and docs/how-to/s3.md)." >&2
exit 1
