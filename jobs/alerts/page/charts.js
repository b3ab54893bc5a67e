// Three charts of five minutes, drawn as SVG at the size they are shown; arrow keys and the pointer read single seconds.
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 168, TOP = 16, BOTTOM = 20, LEFT = 52, RIGHT = 8;
const BRIDGED = 10; // seconds without a value that a line crosses: scores come in batches

/** An element of SVG. */
export function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
  if (text) made.textContent = text;
  return made;
}

/** The next round number, half of which is round too. */
export function ceiling(most) {
  if (!(most > 0)) return 2;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find((each) => each * power >= most) * power;
}

/** One chart: where values go, and the second that is being read. */
export class Chart {
  /**
   * @param svg The element.
   * @param draw What is drawn of a series: it gets the chart and the series, and calls area, line or stack.
   * @param most The largest value of a series.
   * @param read What one second says, as text.
   * @param moved Called with the second that is read now, or null, so that all charts read the same one.
   */
  constructor(svg, { draw, most, read, moved, output }) {
    Object.assign(this, { svg, draw, most, read, output, series: null, second: null });
    svg.addEventListener("pointermove", (event) => moved(this.at(event)));
    svg.addEventListener("pointerleave", () => moved(null));
    svg.addEventListener("blur", () => moved(null));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
      const { first, records } = this.series ?? {};
      const end = first + (records?.length ?? 0) - 1;
      if (event.key === "Escape") return moved(null);
      if (first === undefined || !(step || event.key === "Home" || event.key === "End")) return undefined;
      event.preventDefault();
      if (event.key === "Home") return moved(first);
      if (event.key === "End") return moved(end);
      return moved(Math.min(end, Math.max(first, this.second === null ? end : this.second + step)));
    });
    new ResizeObserver(() => this.show(this.series, this.second)).observe(svg);
  }

  at(event) {
    if (!this.series) return null;
    const { left } = this.svg.getBoundingClientRect();
    const index = Math.floor(((event.clientX - left - LEFT) / this.inner) * this.series.records.length);
    return index < 0 || index >= this.series.records.length ? null : this.series.first + index;
  }

  show(series, second) {
    this.series = series;
    this.second = second;
    if (!series) return;
    this.width = this.svg.clientWidth || 600;
    this.inner = this.width - LEFT - RIGHT;
    this.count = series.records.length;
    this.top = ceiling(this.most(series));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    this.svg.replaceChildren();
    this.grid();
    this.draw(this, series);
    this.cursor();
  }

  x(index) { return LEFT + ((index + 0.5) / this.count) * this.inner; }
  y(value) { return HEIGHT - BOTTOM - (value / this.top) * (HEIGHT - BOTTOM - TOP); }
  put(name, attributes, text) { this.svg.append(shape(name, attributes, text)); }

  grid() {
    const short = new Intl.NumberFormat("en", { notation: "compact" });
    for (const share of [0, 0.5, 1]) {
      const y = this.y(this.top * share);
      this.put("line", { class: "grid", x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y });
      this.put("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, short.format(this.top * share));
    }
    const step = (this.inner / this.count) * 60 < 60 ? 2 : 1; // labels that would touch are left out
    for (let minute = 0; minute <= this.count / 60; minute += step) {
      const x = LEFT + this.inner * (1 - (minute * 60) / this.count);
      const anchor = minute === 0 ? "end" : minute === this.count / 60 ? "start" : "middle";
      this.put("text", { x, y: HEIGHT - 5, "text-anchor": anchor }, minute ? `−${minute} min` : "now");
    }
  }

  /** Runs of known values, as lists of places. */
  runs(values, bridged) {
    const runs = [];
    let last = -Infinity;
    values.forEach((value, index) => {
      if (value === null) return;
      if (index - last > bridged) runs.push([]);
      runs.at(-1).push([this.x(index).toFixed(1), this.y(value).toFixed(1)]);
      last = index;
    });
    return runs;
  }

  area(values) {
    for (const run of this.runs(values, 1)) {
      const base = this.y(0);
      this.put("path", { class: "area", d: `M${run[0][0]} ${base}L${run.join("L")}L${run.at(-1)[0]} ${base}Z` });
    }
    this.line(values, "line", 1);
  }

  line(values, name, bridged = BRIDGED) {
    for (const run of this.runs(values, bridged)) {
      // A value alone is a dash of its own, or nobody would see it.
      const d = run.length > 1 ? `M${run.join("L")}` : `M${run[0][0] - 1.5} ${run[0][1]}h3`;
      this.put("path", { class: name, d });
    }
  }

  stack(series, names) {
    const wide = Math.max(1, this.inner / this.count - 0.4);
    const under = new Array(this.count).fill(0);
    for (const name of names) {
      let d = "";
      series[name].forEach((value, index) => {
        if (!value) return;
        const low = this.y(under[index]), high = this.y(under[index] + value);
        under[index] += value;
        d += `M${(this.x(index) - wide / 2).toFixed(1)} ${low.toFixed(1)}h${wide.toFixed(1)}V${high.toFixed(1)}h-${wide.toFixed(1)}Z`;
      });
      if (d) this.put("path", { class: name, d });
    }
  }

  bursts(series) {
    for (const index of series.bursts) {
      const x = this.x(index);
      this.put("path", { class: "burst", d: `M${x} ${TOP - 3}l-4 -8h8Z` });
    }
  }

  cursor() {
    const index = this.second === null ? -1 : this.second - this.series.first;
    const shown = index >= 0 && index < this.count;
    const at = shown ? index : this.count - 1;
    const said = `${new Date((this.series.first + at) * 1000).toLocaleTimeString("en-GB")}: ${this.read(this.series, at)}`;
    if (shown) this.put("line", { class: "cursor", x1: this.x(index), x2: this.x(index), y1: TOP, y2: this.y(0) });
    this.output.textContent = shown ? said : "";
    const range = { valuemin: this.series.first, valuemax: this.series.first + this.count - 1, valuenow: this.series.first + at };
    for (const [name, value] of Object.entries(range)) this.svg.setAttribute(`aria-${name}`, value);
    this.svg.setAttribute("aria-valuetext", said);
  }
}
