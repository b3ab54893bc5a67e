"use strict";
// One function a section: from what the API says to elements.

const draw = {
  pipeline(said) {
    const bad = said.findings.filter((each) => each.verdict !== "ok");
    const columns = [
      ["", (each) => mark(each.verdict)],
      ["check", (each) => each.check],
      ["found", (each) => make("div", {}, each.detail, each.fix && each.verdict !== "ok" ? make("div", { class: "fix" }, `next: ${each.fix}`) : null), "wide"],
    ];
    const good = said.findings.filter((each) => each.verdict === "ok");
    return [
      bad.length ? table(columns, bad) : nothing(`all ${said.findings.length} checks are ok`),
      good.length && bad.length ? make("details", {}, make("summary", {}, `${good.length} checks are ok`), table(columns, good)) : null,
    ];
  },

  runs(said) {
    if (!said.items.length) return [nothing("no run yet: headrace run messages")];
    const workflows = new Map();
    for (const run of said.items) workflows.set(run.workflow, [...(workflows.get(run.workflow) || []), run]);
    const rows = [...workflows].map(([name, runs]) => ({ name, last: runs[0], runs }));
    return [
      table([
        ["workflow", (each) => each.name],
        ["last run", (each) => mark(each.last.status)],
        ["begun", (each) => say.ago(each.last.begun)],
        ["took", (each) => say.length(each.last.seconds), "n"],
        ["of the last", (each) => `${each.runs.filter((run) => run.status === "Succeeded").length} of ${each.runs.length} succeeded`],
      ], rows),
      table([
        ["run", (each) => each.run],
        ["", (each) => mark(each.status)],
        ["steps", draw.steps],
        ["begun", (each) => say.ago(each.begun)],
        ["took", (each) => say.length(each.seconds), "n"],
      ], said.items.slice(0, 12), "Newest runs"),
    ];
  },

  steps(run) {
    const bars = run.steps.map((step) => make("i", { class: say.kind(step.status), title: `${step.name}: ${step.status}, ${say.length(step.seconds)}` }));
    const failed = run.steps.find((step) => step.status === "Failed");
    const words = run.steps.map((step) => `${step.name} ${step.status}`).join(", ");
    return make("div", {}, make("div", { class: "steps", role: "img", "aria-label": words }, ...bars),
      failed ? make("div", { class: "fix" }, `${failed.name}: ${failed.message.split("\n").pop()}`) : null);
  },

  lag(said) {
    if (!said.lags.length) return [nothing("no group has read a topic")];
    const soon = (lag) => lag.expired > 0 || (lag.until_loss !== null && lag.until_loss < 3600);
    const left = (lag) => lag.expired > 0 ? `${say.number(lag.expired)} lost` : lag.records === 0 ? "nothing unread" : lag.until_loss === null ? "never" : say.length(lag.until_loss);
    return [table([
      ["group", (each) => each.group],
      ["topic", (each) => each.topic],
      ["unread", (each) => say.number(each.records), "n"],
      ["lag", (each) => say.length(each.seconds), "n"],
      ["until data is lost", (each) => make("span", { class: soon(each) ? "bad" : "" }, left(each)), "n"],
      ["members", (each) => say.number(each.members), "n"],
    ], said.lags)];
  },

  connectors(said) {
    if (!said.connectors.length) return [nothing("no connector")];
    return [table([
      ["", (each) => mark(each.state)],
      ["connector", (each) => each.name],
      ["tasks", (each) => each.tasks, "n"],
      ["since", (each) => each.since.startsWith("2") ? say.ago(each.since) : make("span", { class: "dim" }, each.since)],
      ["cause", (each) => make("div", {}, each.cause, each.mend ? make("div", { class: "fix" }, `next: ${each.mend}`) : null), "wide"],
    ], said.connectors)];
  },

  ledger(said) {
    const layers = said.topics.flatMap((topic) => topic.layers);
    if (!layers.length && !said.tables.length) return [nothing("no table yet")];
    const behind = (each) => each.behind < 0 ? "?" : `${say.number(each.behind)} ${each.table.startsWith("bronze/") ? "offsets" : "entries"}`;
    const last = (each) => each.lines[0];
    return [
      layers.length ? table([
        ["table", (each) => each.table],
        ["rows", (each) => each.rows < 0 ? "" : say.number(each.rows), "n"],
        ["behind", behind, "n"],
        ["entries", (each) => say.number(each.entries), "n"],
        ["last entry", (each) => last(each) ? say.ago(last(each).ended) : "none"],
        ["it took", (each) => last(each) ? last(each).windows : "", "wide"],
        ["dead", (each) => say.number(each.lines.reduce((sum, line) => sum + line.dead, 0)), "n"],
      ], layers) : null,
      said.tables.length ? table([
        ["table", (each) => each.table],
        ["version", (each) => say.number(each.version), "n"],
        ["last commit", (each) => `${each.operation}, ${say.ago(each.at)}`],
        ["rows it wrote", (each) => say.number(each.rows), "n"],
      ], said.tables, "Other tables") : null,
    ];
  },

  dead(said) {
    const rows = said.items.flatMap((each) => each.reasons.map((reason) => ({ topic: each.topic, ...reason })));
    const unread = said.items.filter((each) => each.why).map((each) => make("p", { class: "bad" }, `${each.topic}: ${each.why}`));
    if (!rows.length) return unread.length ? unread : [nothing("no dead letter")];
    rows.sort((a, b) => (b.count - b.redriven) - (a.count - a.redriven));
    return [table([
      ["topic", (each) => each.topic],
      ["reason", (each) => each.reason, "wide"],
      ["letters", (each) => say.number(each.count), "n"],
      ["put back", (each) => say.number(each.redriven), "n"],
      ["last", (each) => each.last_seen ? say.ago(each.last_seen) : "?"],
      ["example", (each) => each.example, "wide"],
    ], rows.slice(0, 30)), ...unread];
  },

  alerts(said) {
    if (!said.exists) return [nothing(`there is no topic ${said.topic}`)];
    if (!said.items.length) return [nothing("no alert")];
    const kinds = new Map();
    for (const each of said.items) kinds.set(each.said, (kinds.get(each.said) || 0) + 1);
    const counts = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${count} ${kind}`).join(", ");
    return [
      make("p", {}, `Of the last ${said.items.length}: ${counts}`),
      table([
        ["said", (each) => String(each.said)],
        ["probability", (each) => Number(each.probability).toFixed(2), "n"],
        ["record", (each) => String(each.id), "wide"],
        ["scored", (each) => say.ago(new Date(each.scored).toISOString())],
      ], said.items.slice(0, 8)),
    ];
  },
};
