"use strict";
// How figures are said to people, and how elements are made: text is only ever set as text.

const say = {
  number: (value) => value === null || value === undefined || value < 0 ? "?" : value.toLocaleString("en"),

  length(seconds) {
    if (seconds === null || seconds === undefined) return "?";
    for (const [unit, name] of [[86400, "d"], [3600, "h"], [60, "min"]])
      if (seconds >= unit) return `${(seconds / unit).toFixed(1).replace(/\.0$/, "")} ${name}`;
    return `${seconds < 10 ? seconds.toFixed(1).replace(/\.0$/, "") : Math.round(seconds)} s`;
  },

  ago(moment) {
    if (!moment) return "?";
    return `${say.length(Math.max(0, (Date.now() - Date.parse(moment)) / 1000))} ago`;
  },

  kind(state) {
    if (["ok", "RUNNING", "Succeeded", "Skipped", "Omitted"].includes(state)) return "ok";
    if (["fail", "FAILED", "UNASSIGNED", "MISSING", "Failed", "Died", "missing"].includes(state)) return "fail";
    return ["warn", "PAUSED", "STOPPED", "RESTARTING"].includes(state) ? "warn" : "wait";
  },
};

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((each) => each !== null && each !== undefined));
  return element;
}

const mark = (state) => make("span", { class: `mark ${say.kind(state)}` }, state);

// columns: [heading, how a cell is made, class]; a cell is text or an element
function table(columns, rows, caption) {
  const head = make("tr", {}, ...columns.map(([name, , kind]) => make("th", { scope: "col", class: kind || "" }, name)));
  const body = rows.map((row) => make("tr", {}, ...columns.map(([, cell, kind]) => make("td", { class: kind || "" }, cell(row)))));
  return make("table", {}, caption ? make("caption", {}, caption) : null, make("thead", {}, head), make("tbody", {}, ...body));
}

const nothing = (text) => make("p", { class: "dim" }, text);
