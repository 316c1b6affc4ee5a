#!/usr/bin/env bash
# docs/images/pictures.sh: make the pictures of docs/report.md again, from the default soak; needs chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quoteops soak "hydra.run.dir=$work/run" >"$work/out" || true # a FAIL is a report too
[ -f "$work/run/reports/report.html" ] || { tail -3 "$work/out"; exit 2; }
page="file://$work/run/reports/report.html"
shot() { chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files "$@" 2>/dev/null; }
shot --screenshot=docs/images/report.png --window-size=1120,2190 "$page"
shot --screenshot=docs/images/report-dark.png --window-size=1120,1125 --blink-settings=preferredColorScheme=0 "$page"
# a window of a headless chromium is never narrower than 500: the phone is a frame
echo "<body style='margin:0'><iframe src='$page' style='width:402px;height:780px;border:0'></iframe>" >"$work/phone.html"
shot --screenshot=docs/images/report-phone.png --window-size=402,780 --force-device-scale-factor=2 "file://$work/phone.html"
