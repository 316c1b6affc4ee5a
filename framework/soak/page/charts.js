"use strict";
// Charts over time that answer a pointer: values at an instant, drag to zoom, double click to go back.
// Without scripts, and in print, the drawn charts of the page stand in their place.
(() => {
  const told = JSON.parse(document.getElementById("charts").textContent);
  const root = document.documentElement;
  const made = [];

  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  function unpack({ low, step, data }) {
    const raw = atob(data);
    return Array.from({ length: raw.length / 2 }, (_, k) => {
      const n = raw.charCodeAt(2 * k) | (raw.charCodeAt(2 * k + 1) << 8);
      return n === 65535 ? null : low + step * n;
    });
  }

  const grouped = (text) => text.replace(/^-/, "\u2212").replace(/\B(?=(\d{3})+(?!\d))/g, ",");

  function number(value, digits, plus) {
    if (value == null) return "\u2013";
    const size = Math.abs(value);
    const decimals = digits ?? (size < 1e-9 ? 0 : Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(size)))));
    const [whole, rest] = value.toFixed(decimals).split(".");
    const kept = digits == null && rest ? rest.replace(/0+$/, "") : rest;
    return (plus && value > 0 ? "+" : "") + grouped(whole) + (kept ? `.${kept}` : "");
  }

  function time(seconds, step) {
    const text = new Date(seconds * 1e3).toISOString();
    if (step >= 86400) return text.slice(5, 10);
    return step < 1 ? text.slice(11, 21) : step < 60 ? text.slice(11, 19) : text.slice(11, 16);
  }

  const days = (chart) => chart.count * chart.step > 86400;

  // An instant of a chart; with its day where the chart has several.
  const moment = (chart, seconds) =>
    (days(chart) ? `${time(seconds, 86400)} ` : "") + time(seconds, Math.min(1, chart.step));

  // What lies behind a panel: every second iteration shaded and, in the first panel, its number.
  function shade(u, chart, numbered) {
    const { ctx, bbox } = u;
    const ends = chart.edges.map((s) => u.valToPos(chart.start + s, "x", true));
    const every = Math.max(1, Math.ceil((ends.length - 1) / 24));
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.textAlign = "center";
    ctx.font = font();
    for (let k = 0; k + 1 < ends.length; k++) {
      ctx.fillStyle = colour("panel");
      if (k % 2 && ends.length <= 49) ctx.fillRect(ends[k], bbox.top, ends[k + 1] - ends[k], bbox.height);
      ctx.fillStyle = colour("faint");
      const middle = (Math.max(ends[k], bbox.left) + Math.min(ends[k + 1], bbox.left + bbox.width)) / 2;
      if (numbered && k % every === 0 && ends[k + 1] > bbox.left && ends[k] < bbox.left + bbox.width)
        ctx.fillText(String(k + 1), middle, bbox.top + 12 * devicePixelRatio);
    }
    ctx.restore();
  }

  const font = () => `${11 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;

  function across(u, value, name, dashes) {
    const y = u.valToPos(value, "y", true);
    if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) return;
    u.ctx.save();
    u.ctx.strokeStyle = colour(name);
    u.ctx.setLineDash(dashes.map((d) => d * devicePixelRatio));
    u.ctx.lineWidth = devicePixelRatio;
    u.ctx.beginPath();
    u.ctx.moveTo(u.bbox.left, y);
    u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
    u.ctx.stroke();
    u.ctx.restore();
  }

  // Green above zero, red below it.
  function signs(u) {
    const { top, height } = u.bbox;
    const at = Math.min(1, Math.max(0, (u.valToPos(0, "y", true) - top) / height));
    const fill = u.ctx.createLinearGradient(0, top, 0, top + height);
    for (const [place, name] of [[0, "good"], [at, "good"], [at, "bad"], [1, "bad"]])
      fill.addColorStop(place, `${colour(name)}24`);
    return fill;
  }

  function opened(fills) {
    const columns = Object.fromEntries(Object.entries(fills.columns).map(([name, one]) => [name, unpack(one)]));
    return { ...fills, ...columns };
  }

  function drawFills(u, chart, fills) {
    const { ctx, bbox } = u;
    const seen = fills.at.filter((s) => chart.start + s >= u.scales.x.min && chart.start + s <= u.scales.x.max).length;
    const dense = seen > u.over.clientWidth / 3;
    const r = (dense ? 1.8 : 3) * devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.globalAlpha = dense ? 0.4 : 0.8;
    for (const [side, name] of [[1, "gross"], [-1, "adverse"]]) {
      ctx.fillStyle = colour(name);
      ctx.beginPath();
      for (let k = 0; k < fills.at.length; k++) {
        if (fills.side[k] !== side) continue;
        const x = u.valToPos(chart.start + fills.at[k], "x", true), y = u.valToPos(fills.price[k], "y", true);
        ctx.moveTo(x, y - side * r);
        ctx.lineTo(x + r, y + side * r);
        ctx.lineTo(x - r, y + side * r);
      }
      ctx.fill();
    }
    ctx.restore();
  }

  // The fill within a dozen pixels of the pointer, and what it came to.
  function nearest(u, chart, fills, box) {
    const { left, top } = u.cursor;
    let best = 144, found = -1;
    for (let k = 0; left >= 0 && top >= 0 && k < fills.at.length; k++) {
      const dx = u.valToPos(chart.start + fills.at[k], "x") - left;
      if (dx > 12) break;
      const dy = u.valToPos(fills.price[k], "y") - top;
      if (dx > -12 && dx * dx + dy * dy < best) [best, found] = [dx * dx + dy * dy, k];
    }
    box.hidden = found < 0;
    if (found < 0) return;
    const side = fills.side[found] > 0 ? "buy" : "sell";
    box.textContent = `${moment(chart, chart.start + fills.at[found])} ${side} ${number(fills.qty[found])} at `
      + `${number(fills.price[found], fills.digits)}; quoted ${number(fills.gross[found], 2, true)} bps, `
      + `after 30 s ${number(fills.net[found], 2, true)} bps net`;
    const after = left < u.over.clientWidth / 2;
    box.style.left = after ? `${left + 14}px` : "auto";
    box.style.right = after ? "auto" : `${u.over.clientWidth - left + 14}px`;
    box.style.top = `${Math.max(0, top - 34)}px`;
  }

  // The axis shows what `within` names as long as all of the lines is seen; closer, what there is.
  function range(panel, columns) {
    const known = columns.flat().filter((v) => v != null);
    const least = known.reduce((a, b) => Math.min(a, b), Infinity);
    const most = known.reduce((a, b) => Math.max(a, b), -Infinity);
    return (u, low, high) => {
      const kept = low <= least && high >= most ? panel.within : [];
      const all = [low, high, ...kept].filter((v) => v != null && isFinite(v));
      if (!all.length) return [-1, 1];
      const [bottom, top] = [Math.min(...all), Math.max(...all)];
      const room = (top - bottom) * 0.1 || Math.abs(top) * 0.05 || 1;
      return [panel.ends === "bottom" ? 0 : bottom - room, panel.ends === "top" ? 0 : top + room];
    };
  }

  function series(line) {
    const last = (u, si) => u.data[si].findLast((v) => v != null);
    return {
      label: line.name,
      stroke: () => colour(line.colour),
      width: line.width,
      dash: line.dashed ? [4, 3] : undefined,
      fill: line.fill === "sign" ? signs : line.fill === "tone" ? () => `${colour(line.colour)}40` : undefined,
      fillTo: 0,
      paths: line.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
      spanGaps: true,
      points: { show: false },
      value: (u, v, si, idx) => number(idx == null ? last(u, si) : v, line.digits, line.plus),
    };
  }

  function axes(panel, chart, last) {
    const ink = { stroke: () => colour("muted"), font: `11px ${getComputedStyle(document.body).fontFamily}` };
    const lines = { stroke: () => colour("grid"), width: 1 };
    return [
      { ...ink, grid: { show: false }, space: 70, size: last ? 26 : 6, ticks: { stroke: () => colour("rule"), size: 4 },
        gap: 3, values: (u, at, _i, _space, step) =>
          at.map((v) => (last ? time(v, days(chart) && v % 86400 === 0 ? 86400 : step) : "")) },
      { ...ink, grid: lines, ticks: { show: false }, size: 58, gap: 6, space: panel.height < 100 ? 22 : 32,
        values: (u, at, _i, _space, step) => {
          const digits = (String(+step.toPrecision(6)).split(".")[1] ?? "").length;
          return at.map((v) => number(v, digits, panel.plus));
        } },
    ];
  }

  function draw(place, chart, panel, order) {
    const last = order === chart.panels.length - 1;
    const xs = Array.from({ length: chart.count }, (_, k) => chart.start + k * chart.step);
    const columns = panel.lines.map((line) => unpack(line.values));
    const fills = panel.fills && opened(panel.fills);
    const box = document.createElement("div");
    box.className = "fill";
    box.hidden = true;
    const options = {
      width: place.clientWidth,
      height: panel.height + (last ? 26 : 6),
      padding: [6, 20, 0, 0],
      tzDate: (s) => uPlot.tzDate(new Date(s * 1e3), "Etc/UTC"),
      cursor: { y: false, drag: { x: true, y: false, dist: 5 }, points: { size: 6 },
        sync: { key: chart.together, scales: ["x", null] } },
      scales: { x: { time: true }, y: { range: range(panel, columns) } },
      legend: { markers: { width: 0, fill: (u, si) => colour(panel.lines[si - 1]?.colour ?? "paper") } },
      axes: axes(panel, chart, last),
      series: [
        { label: panel.title, value: (u, v, si, idx) => moment(chart, v ?? u.scales.x.max ?? xs.at(-1)) },
        ...panel.lines.map(series),
      ],
      hooks: {
        drawClear: [(u) => shade(u, chart, order === 0)],
        drawAxes: [(u) => across(u, 0, "faint", [])],
        draw: [(u) => {
          for (const level of panel.levels) across(u, level, "bad", [4, 3]);
          if (fills) drawFills(u, chart, fills);
        }],
        setCursor: fills ? [(u) => nearest(u, chart, fills, box)] : [],
      },
    };
    const u = new uPlot(options, [xs, ...columns], place);
    u.over.append(box);
    made.push([u, place]);
  }

  function clear() {
    for (const [u] of made.splice(0)) u.destroy();
    for (const place of document.querySelectorAll(".live")) place.remove();
    for (const figure of document.querySelectorAll(".answers")) figure.classList.remove("answers");
  }

  function begin() {
    clear();
    for (const chart of told) {
      const figure = document.querySelector(`[data-chart="${CSS.escape(chart.at)}"]`);
      const place = document.createElement("div");
      place.className = "live";
      place.setAttribute("role", "group");
      place.setAttribute("aria-label", figure.querySelector("svg").getAttribute("aria-label"));
      figure.prepend(place);
      figure.classList.add("answers");
      chart.panels.forEach((panel, order) => draw(place, chart, panel, order));
    }
  }

  try {
    begin();
  } catch (error) {
    clear(); // a browser that cannot: what is drawn stands
    throw error;
  }
  const hint = document.createElement("p");
  hint.className = "hint";
  hint.textContent = matchMedia("(hover: none)").matches
    ? "Tap a chart to read it at that instant. A name hides its line."
    : "Drag across a chart to come closer, double click to go back. A name hides its line.";
  document.querySelector(".answers")?.before(hint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", begin);
  addEventListener("resize", () => {
    for (const [u, place] of made) if (place.clientWidth) u.setSize({ width: place.clientWidth, height: u.height });
  });
})();
