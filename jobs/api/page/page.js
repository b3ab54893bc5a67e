"use strict";
// Asks the API again and again, and draws what it says. The key stays in this tab: it is never written anywhere.

const EVERY = 5000; // milliseconds
const asked = {
  "/pipeline": [["pipeline", draw.pipeline], ["lag", draw.lag], ["connectors", draw.connectors]],
  "/runs?limit=200": [["runs", draw.runs]],
  "/ledger?last=10": [["tables", draw.ledger]],
  "/dead-letters": [["dead", draw.dead]],
  "/alerts?limit=200": [["alerts", draw.alerts]],
};
let key = "", paused = false, timer = 0;
const byId = (id) => document.getElementById(id);

async function ask(path) {
  const answer = await fetch(path, { headers: key ? { Authorization: `Bearer ${key}` } : {}, cache: "no-store" });
  const text = await answer.text();
  if (answer.ok) return { status: answer.status, said: JSON.parse(text), text };
  let why = `status ${answer.status}`;
  try { const said = JSON.parse(text); why = [said.detail, said.hint].filter(Boolean).join("; "); } catch { /* no problem+json */ }
  return { status: answer.status, why };
}

function put(id, children) {
  byId(id).querySelector(".body").replaceChildren(...children.filter(Boolean));
}

async function show(path) {
  let found;
  try { found = await ask(path); } catch { found = { status: 0, why: "the API does not answer" }; }
  if (found.status === 401) return found;
  for (const [id, how] of asked[path])
    put(id, found.said ? how(found.said) : [make("p", { class: "bad", role: "alert" }, found.why)]);
  return found;
}

function judge(pipeline, others) {
  const silent = [pipeline, ...others].filter((each) => !each.said).length;
  const verdict = pipeline.said ? pipeline.said.verdict : "fail";
  const counts = pipeline.said ? pipeline.said.findings.filter((each) => each.verdict === "fail").length : 0;
  const words = !pipeline.said ? "cannot be looked at" : verdict === "ok" ? "all is well" : verdict === "warn" ? "works, with a risk" : `${counts} ${counts === 1 ? "problem" : "problems"}`;
  byId("verdict").replaceChildren(make("span", { class: `mark ${say.kind(verdict)}` }, verdict), ` ${words}`, silent && pipeline.said ? ` (${silent} of ${others.length + 1} sources do not answer)` : "");
  byId("when").textContent = pipeline.said ? `looked ${say.ago(pipeline.said.at)}, in ${say.length(pipeline.said.seconds)}` : "";
  document.title = `${verdict === "ok" ? "✔" : verdict === "warn" ? "!" : "✘"} Headrace`;
}

async function look() {
  clearTimeout(timer);
  const [first, ...others] = await Promise.all(Object.keys(asked).map(show));
  const shut = [first, ...others].some((each) => each.status === 401);
  byId("door").hidden = !shut;
  document.querySelector("main").hidden = shut;
  if (shut) {
    byId("refused").textContent = key ? "this key or token is not known" : "";
    byId("verdict").replaceChildren(make("span", { class: "mark wait" }, "needs a key"));
    byId("when").textContent = "";
    if (document.activeElement !== byId("key")) byId("key").focus();
    return; // until a key is given nothing more is asked
  }
  judge(first, others);
  if (!paused) timer = setTimeout(look, EVERY);
}

function pause() {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").lastChild.textContent = paused ? " Go on" : " Pause";
  if (paused) clearTimeout(timer); else look();
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it lasts as long as the page */ }
}

byId("door").addEventListener("submit", (event) => { event.preventDefault(); key = byId("key").value.trim(); byId("key").value = ""; look(); });
byId("pause").addEventListener("click", pause);
byId("theme").addEventListener("click", theme);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  const sections = [...document.querySelectorAll("main section")];
  if (event.key >= "1" && event.key <= String(sections.length)) {
    const section = sections[Number(event.key) - 1];
    section.focus({ preventScroll: true });
    section.scrollIntoView();
  } else if (event.key === "r") look();
  else if (event.key === "p") pause();
  else if (event.key === "t") theme();
});
try { const kept = localStorage.getItem("theme"); if (kept) document.documentElement.dataset.theme = kept; } catch { /* none kept */ }
look();
