// What the service does with this model now: asked for every two seconds while someone can see it.

import { json } from "./api.js";
import { el, fill, say, svg } from "./dom.js";
import { milliseconds, number } from "./format.js";
import { t } from "./words.js";

const EVERY = 2000;
const KEPT = 60;
// A line that has just begun is drawn as if it had so many points.
const LEAST = 15;
const MOST_DRIFTS = 8;
// Custom reads an index below the first as stable, above the second as moved.
const WATCH = 0.1;
const MOVED = 0.25;

export class Live {
  /** @param model as `/models/<model>` tells it; `changed` is called with its state when that is another one */
  constructor(model, changed) {
    Object.assign(this, { model, changed, state: model.state, controller: new AbortController() });
    const tiles = [
      ["rate", (one) => one.rate, (one) => number(one.rate, 3)],
      ["p50", (one) => one.latency?.p50, (one) => seconds(one.latency?.p50)],
      ["p95", (one) => one.latency?.p95, (one) => seconds(one.latency?.p95)],
      ["p99", (one) => one.latency?.p99, (one) => seconds(one.latency?.p99)],
      ["batch", (one) => one.batch_rows, (one) => number(one.batch_rows, 3)],
      ["errors", refused, (one) => number(refused(one), 3)],
    ];
    this.tiles = tiles.map(([name, read, words]) => new Tile(name, read, words));
    this.inFlight = el("span", {});
    this.drift = el("div", { class: "drift" });
    this.note = el("p", { class: "note" });
    this.element = el("div", { class: "live" },
      el("div", { class: "tiles" }, this.tiles.map((one) => one.element)), this.note, this.drift);
    this.onVisible = () => this.#wake();
    document.addEventListener("visibilitychange", this.onVisible);
    this.#wake();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.onVisible);
    clearTimeout(this.timer);
    this.controller.abort();
  }

  /** Nobody looks: nothing is asked. */
  #wake() {
    clearTimeout(this.timer);
    if (!document.hidden) this.#ask();
  }

  async #ask() {
    try {
      const found = await json(`models/${encodeURIComponent(this.model.name)}/stats`, { signal: this.controller.signal });
      this.#show(found);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      say(this.note, problem.message);
    }
    clearTimeout(this.timer);
    if (!document.hidden && !this.controller.signal.aborted) this.timer = setTimeout(() => this.#ask(), EVERY);
  }

  #show(found) {
    for (const one of this.tiles) one.show(found);
    say(this.note, t("live.window", { seconds: number(found.seconds, 3), answered: number(found.answered, 12), flight: number(found.in_flight, 6) }));
    this.#showDrift(found.drift);
    if (found.state !== this.state) this.changed((this.state = found.state));
  }

  #showDrift({ prediction, features }) {
    const all = Object.entries(features).sort((one, two) => two[1] - one[1]).slice(0, MOST_DRIFTS);
    if (prediction != null) all.unshift([t("live.predictions"), prediction]);
    const title = el("h3", {}, t("live.drift"));
    if (all.length === 0) return fill(this.drift, title, el("p", { class: "note" }, t("live.no-drift")));
    fill(this.drift, title, el("ol", { class: "bars" }, all.map(([name, index]) => {
      const kind = index < WATCH ? "stable" : index < MOVED ? "watch" : "moved";
      return el("li", { class: kind, style: { "--share": String(Math.min(1, index / (2 * MOVED))) } },
        el("span", { class: "name" }, name), el("span", { class: "track", "aria-hidden": "true" }, el("span")),
        el("span", { class: "amount" }, `${number(index, 2)} ${t(`live.${kind}`)}`));
    })));
  }
}

class Tile {
  constructor(name, read, words) {
    Object.assign(this, { read, words, values: [] });
    this.value = el("dd", {}, "–");
    this.line = svg("path", {});
    this.element = el("dl", { class: "tile" }, el("dt", {}, t(`live.${name}`)), this.value,
      svg("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, this.line));
  }

  show(found) {
    say(this.value, this.words(found));
    this.values = [...this.values, this.read(found) ?? null].slice(-KEPT);
    const known = this.values.filter((one) => one !== null);
    const most = Math.max(...known, Number.MIN_VALUE);
    let pen = "M";
    const span = Math.max(this.values.length, LEAST) - 1;
    const path = this.values.map((one, place) => {
      if (one === null) {
        pen = "M";
        return "";
      }
      const step = `${pen}${(100 - (100 * (this.values.length - 1 - place)) / span).toFixed(1)} ${(22 - (20 * one) / most).toFixed(1)}`;
      pen = "L";
      return step;
    });
    this.line.setAttribute("d", path.join(""));
  }
}

const seconds = (value) => (value == null ? "–" : milliseconds(1000 * value));

/** Answers that were none, a second. */
function refused({ codes, seconds: window }) {
  const count = Object.entries(codes).reduce((sum, [code, times]) => sum + (code.startsWith("2") ? 0 : times), 0);
  return count / window;
}
