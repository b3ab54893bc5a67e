// The page: it listens to /events and shows each state. What records say is only ever set as text.
import { Chart, shape } from "./charts.js";

const CLASSES = { dos: "denial of service", probe: "probing", r2l: "remote to local", u2r: "user to root" };
const NAMES = Object.keys(CLASSES);
const SUMMARY = 30; // seconds between two summaries for who listens instead of looking
const SILENT = 5; // seconds without an event after which the server is away

const find = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const count = (value) => (value === null ? "–" : (value < 10 ? tenth : whole).format(value));
const share = (value) => (value === null ? "not known" : `${(value * 100).toFixed(1)} %`);
const time = (milliseconds) => (milliseconds === null ? "–" : milliseconds < 10_000 ? `${whole.format(milliseconds)} ms` : `${tenth.format(milliseconds / 1000)} s`);
const clock = (milliseconds) => new Date(milliseconds).toLocaleTimeString("en-GB");

let state = null, paused = false, heard = 0, second = null, told = "", summed = 0, drawn = "";

function say(id, text) {
  const element = find(id);
  if (element.textContent !== text) element.textContent = text;
}

function cell(text, name = "", tag = "td") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  if (name.includes("cut")) made.title = text;
  return made;
}

function row(...cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

/** Say it to those who listen, once. */
function announce(text) {
  if (text !== told) say("said", (told = text));
}

// What is shown

const charts = [
  new Chart(find("records-chart"), {
    draw: (chart, series) => { chart.area(series.records); chart.bursts(series); },
    most: (series) => Math.max(0, ...series.records),
    read: (series, at) => `${series.records[at] === null ? "not known" : `${count(series.records[at])} records`}${series.bursts.includes(at) ? ", a burst" : ""}`,
    moved, output: find("records-read"),
  }),
  new Chart(find("alerts-chart"), {
    draw: (chart, series) => chart.stack(series, NAMES),
    most: (series) => Math.max(...series.dos.map((_, at) => NAMES.reduce((sum, name) => sum + series[name][at], 0))),
    read: (series, at) => NAMES.map((name) => `${name} ${count(series[name][at])}`).join(", "),
    moved, output: find("alerts-read"),
  }),
  new Chart(find("latency-chart"), {
    draw: (chart, series) => { chart.line(series.p99, "p99"); chart.line(series.p50, "p50"); },
    most: (series) => Math.max(0, ...series.p99),
    read: (series, at) => `p50 ${time(series.p50[at])}, p99 ${time(series.p99[at])}`,
    moved, output: find("latency-read"),
  }),
];

function moved(to) {
  second = to;
  if (state) for (const each of charts) each.show(state.series, second);
}

function figure(id, text, unit = "") {
  const made = document.createElement("span");
  made.className = "unit";
  made.textContent = unit;
  find(id).replaceChildren(text, unit ? " " : "", made);
}

function figures({ records, alerts, precision, latency, lag, bursts }) {
  figure("rate", count(records.rate));
  say("rate-note", records.held === null ? "not known yet" : `${whole.format(records.held)} held by the topic`);
  figure("alert-rate", count(alerts.rate));
  say("alert-note", `${whole.format(alerts.total)} in all`);
  figure("precision", share(precision.all.share));
  say("precision-note", `attack or not: ${share(precision.attack.share)}`);
  figure("latency", time(latency.minute.p50), "p50");
  say("latency-note", `p99 ${time(latency.minute.p99)}; in all p50 ${time(latency.all.p50)}, p99 ${time(latency.all.p99)}`);
  figure("lag", lag.records === null ? "–" : whole.format(lag.records), lag.records === null ? "" : "records");
  say("lag-note", lag.records === null ? `${lag.group} has not begun` : lag.group);
  figure("bursts", whole.format(bursts));
  say("bursts-note", "since this page is served");
}

function classes({ alerts, precision }) {
  const rows = NAMES.map((name) => {
    const { known, right, share: part } = precision[name];
    const bar = shape("svg", { viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(shape("rect", { class: name, width: alerts.total ? (100 * alerts.said[name]) / alerts.total : 0, height: 1 }));
    const bars = cell("", "bar");
    bars.append(bar);
    const head = cell("", "", "th");
    head.scope = "row";
    head.append(badge(name), cell(CLASSES[name], "what", "span"));
    return row(head, cell(whole.format(alerts.said[name]), "n"), bars, cell(whole.format(known), "n"), cell(whole.format(right), "n"), cell(share(part), "n"));
  });
  const sums = [["all classes", precision.all], ["attack or not", precision.attack]].map(([name, { known, right, share: part }]) => {
    const head = cell(name, "", "th");
    head.scope = "row";
    const made = row(head, cell(whole.format(alerts.total), "n"), cell("", "bar"), cell(whole.format(known), "n"), cell(whole.format(right), "n"), cell(share(part), "n"));
    made.className = "sum";
    return made;
  });
  find("classes").replaceChildren(...rows, ...sums);
  say("since", alerts.first ? `since ${new Date(alerts.first).toLocaleString("en-GB")}` : "");
}

function badge(name) {
  const made = document.createElement("span");
  made.className = `said ${NAMES.includes(name) ? name : ""}`;
  made.textContent = name;
  return made;
}

function judged({ label, class: actual, said }) {
  if (actual === null) return cell(label ?? "not known", "cut");
  const right = actual === said;
  const made = cell(`${right ? "✓" : "✗"} ${label ?? actual} (${actual})`, `cut ${right ? "right" : "wrong"}`);
  made.title = `${right ? "right" : "wrong"}: ${label ?? ""} is ${actual}`;
  return made;
}

function last(alerts) {
  const wanted = document.querySelector("input[name=class]:checked").value;
  const shown = alerts.filter(({ said }) => wanted === "all" || said === wanted).slice(0, 50);
  const key = JSON.stringify([wanted, shown.map(({ id, scored }) => [id, scored])]);
  if (key === drawn) return;
  drawn = key;
  const rows = shown.map((alert) => {
    const said = cell("");
    said.append(badge(alert.said));
    return row(
      cell(clock(alert.scored)), said, cell(`${(alert.probability * 100).toFixed(0)} %`, "n"), judged(alert),
      cell(`${alert.protocol_type} ${alert.service}`, "cut"), cell(whole.format(alert.src_bytes), "n"), cell(whole.format(alert.dst_bytes), "n"),
      cell(time(alert.latency), "n"), cell(alert.id, "cut"), cell(alert.key, "cut"),
    );
  });
  if (!rows.length) {
    const none = cell(wanted === "all" ? "none yet" : `none of class ${wanted} yet`, "none");
    none.colSpan = 10;
    rows.push(row(none));
  }
  find("alerts").replaceChildren(...rows);
  say("last-count", wanted === "all" ? `the newest ${shown.length}` : `the newest ${shown.length} of ${wanted}`);
}

function show() {
  if (!state) return;
  say("topic", state.topic);
  say("alerts-topic", state.alerts_topic);
  document.title = `${count(state.alerts.rate)} alerts/s of ${state.topic}`;
  find("trouble").hidden = !state.trouble;
  say("trouble-text", `${state.trouble}.`);
  find("trouble-next").hidden = !state.hint;
  say("trouble-hint", state.hint);
  find("empty").hidden = !state.advice;
  say("advice", state.advice);
  find("malformed").hidden = !state.alerts.malformed;
  say("malformed", `${whole.format(state.alerts.malformed)} records of ${state.alerts_topic} are no alerts; the last one: ${state.alerts.fault}`);
  figures(state);
  classes(state);
  last(state.last);
  if (second !== null && second < state.series.first) second = null;
  for (const each of charts) each.show(state.series, second);
}

/** How current the page is, for the eye each second, and for the ear when it changes. */
function current() {
  const silent = (performance.now() - heard) / 1000 > SILENT;
  const [name, text, spoken] = silent
    ? ["bad", "the server does not answer; trying again", "The server does not answer."]
    : paused ? ["", `paused at ${clock(state.id * 1000)}`, "Paused."]
    : state.trouble ? ["bad", "not current", `Not current. ${state.trouble.replace(/ for \d+ s$/, "")}.`]
    : ["live", `live, ${clock(state.id * 1000)}`, ""];
  find("status").className = `status ${name}`;
  say("status-text", text);
  if (spoken) announce(spoken);
  else if (Date.now() / 1000 - summed > SUMMARY || ["Paused.", "The server does not answer."].includes(told) || told.startsWith("Not current")) {
    summed = Date.now() / 1000;
    const { records, alerts, precision, latency } = state;
    announce(`${count(records.rate)} records a second, ${count(alerts.rate)} alerts a second, precision ${share(precision.all.share)}, median latency ${time(latency.minute.p50)}.`);
  }
}

// What is heard

function listen() {
  const source = new EventSource("events");
  source.onmessage = ({ data }) => {
    heard = performance.now();
    const newest = JSON.parse(data);
    if (!paused || !state) state = newest;
    if (!paused) show();
    current();
  };
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) return; // it connects again by itself
    source.close();
    setTimeout(listen, 5000);
  };
}

// What is pressed

function pause() {
  paused = !paused;
  find("pause").setAttribute("aria-pressed", paused);
  if (state) current();
}

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function theme() {
  const chosen = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = chosen;
  try { localStorage.setItem("theme", chosen); } catch { /* it holds until the page is left */ }
  find("theme").setAttribute("aria-pressed", dark());
}

for (const name of ["all", ...NAMES]) {
  const label = document.createElement("label"), input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "class", value: name, checked: name === "all" });
  input.addEventListener("change", () => { if (state) last(state.last); });
  label.append(input, ` ${name}`);
  find("filter").append(label);
}
for (const name of NAMES) {
  const key = document.createElement("i");
  key.className = `key ${name}`;
  find("classes-legend").append(key, ` ${name} `);
}
find("pause").addEventListener("click", pause);
find("theme").addEventListener("click", theme);
find("theme").setAttribute("aria-pressed", dark());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => find("theme").setAttribute("aria-pressed", dark()));
document.addEventListener("keydown", (event) => {
  if (!find("keys").checked || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const does = { p: pause, d: theme, f: () => document.querySelector("input[name=class]:checked").focus() }[event.key];
  if (does) { event.preventDefault(); does(); }
});
setInterval(() => { if (state) current(); }, 1000);
listen();
