#!/bin/sh
# Make sure that Chromium and Chinese glyphs are there for the browser tests: use what is installed,
# or install Debian's packages where this user may. The tests themselves decide what a lack means.
set -u
have() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; }
have && exit 0
apt=
if [ "$(id -u)" = 0 ]; then apt="apt-get"; elif sudo -n true 2>/dev/null; then apt="sudo -n apt-get"; fi
if [ -z "$apt" ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "No Chromium here and no right to install it. Try: sudo apt-get install chromium fonts-noto-cjk"
  exit 0
fi
echo "Installing chromium and fonts-noto-cjk for the browser tests ..."
$apt update -q >/dev/null && DEBIAN_FRONTEND=noninteractive $apt install -y -q chromium fonts-noto-cjk >/dev/null \
  || echo "apt-get could not install chromium."
exit 0
