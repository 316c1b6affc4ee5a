#!/usr/bin/env bash
# docs/images/pictures.sh: make the pictures of reports, sweep and list again, from runs of a minute; needs chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
made() { [ -f "$1" ] || { tail -3 "$work/out"; exit 2; }; } # a FAIL leaves a page too
shot() { # picture width height page [flags of chromium]
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
    --screenshot="docs/images/$1" --window-size="$2,$3" "${@:5}" "file://$4" 2>/dev/null
}
phone() { # a window of a headless chromium is never narrower than 500: the phone is a frame
  echo "<body style='margin:0'><iframe src='file://$3' style='width:392px;height:$2px;border:0'></iframe>" >"$work/phone.html"
  shot "$1" 392 "$2" "$work/phone.html" --force-device-scale-factor=2
}
dark=--blink-settings=preferredColorScheme=0
tried="market.preset=thin_spot soak.hours=24 soak.iterations=6 soak.auto_tune=false"

soak() { # folder words...
  quoteops soak $tried hydra.run.dir="$work/$1" "${@:2}" >"$work/out" 2>&1 || true
  made "$work/$1/reports/report.html"
}
soak narrow strategy.base_half_spread_bps=2
soak run strategy.base_half_spread_bps=4
report=$work/run/reports/report.html
shot report.png 1120 2150 "$report"
shot report-dark.png 1120 1260 "$report" $dark
phone report-phone.png 780 "$report"
python -m tests.soak.hovered "$report" docs/images/report-hover.png
soak beside strategy.base_half_spread_bps=4 --compare "$work/narrow"
shot report-beside.png 1120 1560 "$work/beside/reports/report.html"

quoteops soak -m $tried strategy.base_half_spread_bps=0.5,2,4,8 sizing.max_position_quotes=1,2,4 hydra.sweep.dir="$work/sweep" >"$work/out" 2>&1 || true
made "$work/sweep/SWEEP.html"
shot sweep.png 1120 2300 "$work/sweep/SWEEP.html"
phone sweep-phone.png 780 "$work/sweep/SWEEP.html"
