"use strict";

// Okabe and Ito 2008, as in the saved video
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"];
const BUSY = 0.9;
const streams = new Map();
const classes = [];
const the = (id) => document.getElementById(id);

function classIndex(name) {
  if (!classes.includes(name)) classes.push(name);
  return classes.indexOf(name);
}

function number(value, digits = 0) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function milliseconds(value) {
  return value === undefined ? "–" : `${number(value)} ms`;
}

function node(kind, text, parent, className = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  made.className = className;
  parent.append(made);
  return made;
}

function streamOf(name) {
  if (!streams.has(name)) {
    const article = the("stream").content.cloneNode(true).firstElementChild;
    article.querySelector("h2").textContent = name;
    the("streams").append(article);
    streams.set(name, { article, canvas: article.querySelector("canvas"), newest: null });
  }
  return streams.get(name);
}

function show(result) {
  const stream = streamOf(result.source);
  stream.newest = result;
  const image = new Image();
  // several may decode at once: only the newest is drawn
  image.onload = () => { if (stream.newest === result) draw(stream.canvas, image, result); };
  image.src = "data:image/jpeg;base64," + result.jpeg;
}

function draw(canvas, image, result) {
  const width = canvas.clientWidth;
  const ratio = window.devicePixelRatio || 1;
  const height = Math.round(width * result.size[1] / result.size[0]);
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.drawImage(image, 0, 0, width, height);
  pen.font = "600 12px system-ui, sans-serif";
  pen.textBaseline = "top";
  pen.lineWidth = 2;
  // no detector looked: the boxes are where the tracker expects them
  const dashes = result.detected === false ? [6, 4] : [];
  const scale = width / result.size[0];
  for (const border of result.borders) drawBorder(pen, border, scale, width, height);
  // the best is drawn last, over the others
  pen.setLineDash(dashes);
  for (const track of [...result.tracks].sort((a, b) => a.score - b.score)) {
    const [left, top, right, bottom] = track.box.map((value) => value * scale);
    const key = track.id === null ? classIndex(track.class) : track.id;
    pen.strokeStyle = COLOURS[key % COLOURS.length];
    pen.strokeRect(left, top, right - left, bottom - top);
    const id = track.id === null ? "" : " " + track.id;
    label(pen, track.class + id, left, top, pen.strokeStyle, width, height);
  }
  pen.setLineDash([]);
  canvas.setAttribute("aria-label", `${result.source}: ${result.tracks.length} objects`);
}

function drawBorder(pen, border, scale, width, height) {
  pen.strokeStyle = "#ffffff";
  pen.beginPath();
  for (const [x, y] of border.points) pen.lineTo(x * scale, y * scale);
  if (border.points.length > 2) pen.closePath();
  pen.stroke();
  const [x, y] = border.points[0];
  label(pen, border.label, x * scale, y * scale, "#ffffff", width, height);
}

function label(pen, text, x, y, colour, width, height) {
  const wide = pen.measureText(text).width + 8;
  const left = Math.max(0, Math.min(x, width - wide));
  const top = Math.max(0, Math.min(y >= 17 ? y - 17 : y, height - 17));
  pen.fillStyle = colour;
  pen.fillRect(left, top, wide, 17);
  pen.fillStyle = "#000000";
  pen.fillText(text, left + 4, top + 3);
}

function tell(state) {
  the("what").textContent = `${state.variant}, tracker ${state.tracker || "none"}`;
  the("fps").textContent = number(state.fps, 1);
  the("bound").textContent = state.bound_by ? "bound by " + state.bound_by : "waits for frames";
  const facts = [`memory ${number(state.memory_mb)} MB`, `CPU ${number(100 * state.cpu_busy)} %`];
  facts.push(...deviceFacts(state.power), ...governorFacts(state.governor));
  if (state.mqtt) {
    facts.push(state.mqtt.connected ? "MQTT connected" : `MQTT down, ${state.mqtt.waiting} wait`);
    if (state.mqtt.dropped) facts.push(`${state.mqtt.dropped} messages lost`);
  }
  the("facts").textContent = facts.join(" · ");
  tellStages(state.stages);
  for (const [name, one] of Object.entries(state.streams)) tellStream(streamOf(name).article, one);
}

function deviceFacts(power) {
  const facts = [];
  if (!power) return facts;
  if (power.power_w !== null) facts.push(`${number(power.power_w, 1)} W`);
  if (power.temperature_c !== null) facts.push(`${number(power.temperature_c)} °C`);
  if (power.throttled) facts.push("throttled");
  return facts;
}

function governorFacts(governor) {
  if (!governor) return [];
  const looked = governor.stride === 1 ? "every frame" : `one frame of ${governor.stride}`;
  return [`${looked} detected`, `${governor.switched} switches`];
}

function tellStages(stages) {
  const box = the("stages");
  for (const [name, busy] of Object.entries(stages)) {
    let row = document.getElementById("stage-" + name);
    if (!row) {
      row = node("div", "", box, "stage");
      row.id = "stage-" + name;
      node("span", name, row);
      node("div", "", node("div", "", row, "track"), "fill");
      node("span", "", row);
    }
    row.classList.toggle("full", busy >= BUSY);
    row.querySelector(".fill").style.width = `${100 * busy}%`;
    row.lastChild.textContent = `${number(100 * busy)} %`;
  }
}

function tellStream(article, one) {
  const dropped = Object.values(one.dropped).reduce((sum, count) => sum + count, 0);
  const causes = Object.entries(one.dropped).map(([cause, count]) => `${count} ${cause}`).join(", ");
  const age = one.age_ms || {};
  const list = article.querySelector("dl");
  list.replaceChildren();
  for (const [name, value, title] of [
    ["fps", number(one.fps, 1), ""],
    ["age p50", milliseconds(age.p50), "from capture to result"],
    ["age p90", milliseconds(age.p90), "from capture to result"],
    ["dropped", String(dropped), causes],
    ["objects", String(one.tracks), "that got an id"],
  ]) {
    const pair = node("div", "", list);
    pair.title = title;
    node("dt", name, pair);
    node("dd", value, pair);
  }
  const alert = article.querySelector(".alert");
  alert.hidden = !one.broken && !one.problem && !one.ended;
  alert.textContent = one.problem || (one.broken ? "gone; trying again" : "ended");
  alert.classList.toggle("calm", one.ended && !one.problem);
  tellCounts(article.querySelector(".counts"), one.counts);
}

function tellCounts(box, counts) {
  const rows = [];
  for (const [name, one] of Object.entries(counts)) {
    const classes = new Set([...Object.keys(one.in), ...Object.keys(one.out), ...Object.keys(one.inside || {})]);
    for (const kind of classes.size ? [...classes].sort() : ["–"]) {
      const now = one.inside ? String(one.inside[kind] || 0) : "";
      rows.push([name, kind, String(one.in[kind] || 0), String(one.out[kind] || 0), now]);
    }
  }
  box.hidden = rows.length === 0;
  const body = box.querySelector("tbody");
  body.replaceChildren();
  for (const cells of rows) {
    const row = node("tr", "", body);
    for (const cell of cells) node("td", cell, row);
  }
}

function link(text, className) {
  the("link").textContent = text;
  the("link").className = className;
}

const events = new EventSource("/events");
events.onopen = () => link("live", "live");
events.addEventListener("frame", (event) => show(JSON.parse(event.data)));
events.addEventListener("state", (event) => tell(JSON.parse(event.data)));
events.addEventListener("end", () => {
  events.close();
  link("the run has ended", "");
});
events.onerror = () => {
  link("no answer; trying again", "lost");
  // the browser tries again by itself, but not where it was sent away: another run has another key
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
};
