#!/usr/bin/env bash
# Gets the programs that only the tests need: Chromium, Firefox, WebKitGTK and WPE WebKit, ffmpeg and ffprobe (the
# oracle), PostgreSQL, PgBouncer, Redis, Ceph RGW, clamd, promtool, the AWS CLI, nginx, Caddy, systemd-analyze, bubblewrap.
# Idempotent: with all of them there it asks no package manager. As root on Debian it installs what is missing,
# anywhere else it says what to install and fails.
set -euo pipefail

missing=()
need() { # need PACKAGE TEST...: note the package unless the test command succeeds
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
have_postgres() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; }
have_pgbouncer() { command -v pgbouncer || test -x /usr/sbin/pgbouncer; }
have_nginx() { command -v nginx || test -x /usr/sbin/nginx; }
have_gstreamer() { ls /usr/lib/*/gstreamer-1.0/libgst"$1".so; }
need chromium command -v chromium
need firefox-esr command -v firefox-esr
need webkit2gtk-driver command -v WebKitWebDriver
# WebKitGTK has no headless mode, and plays MP4 with H.264 only through these two.
need xvfb command -v Xvfb
need gstreamer1.0-libav have_gstreamer libav
need gstreamer1.0-plugins-good have_gstreamer isomp4
need ffmpeg command -v ffprobe
# The server's utilities without the cluster that Debian's postgresql package would start by itself.
need postgresql have_postgres
need pgbouncer have_pgbouncer
# The proxies and the supervisor of deploy/.
need nginx-light have_nginx
need caddy command -v caddy
need systemd command -v systemd-analyze
# Stands for a container engine.
need bubblewrap command -v bwrap
# For promtool.
need prometheus command -v promtool
# The server's program without the service that redis-server would start by itself.
need redis-tools command -v redis-check-rdb
# Copies buckets, as operators do.
need awscli command -v aws
need radosgw command -v radosgw
need ceph-mon command -v ceph-mon
need ceph-osd command -v ceph-osd
# WebKit of Safari 16.0, which is below the page's floors.
need wpewebkit-driver command -v WPEWebDriver
need cog command -v cog
# Its scanner alone. The tests bring their own signature.
need clamav-daemon command -v clamd
need fonts-dejavu-core test -d /usr/share/fonts/truetype/dejavu

if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need these Debian packages, or the same programs from elsewhere: ${missing[*]}" >&2
  echo "Install them (as root: apt-get install --no-install-recommends ${missing[*]}) and run this again." >&2
  exit 1
fi
echo "Installing what the tests need: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Debian asks this program before it starts the service of a new package. The tests need only the programs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
