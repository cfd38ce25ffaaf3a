// How the prediction moves as each number goes over its range while the others stay: one request for all of them.

import { predict } from "./api.js";
import { Asker } from "./asker.js";
import { el, say, svg } from "./dom.js";
import { range } from "./fields.js";
import { number, percent, quantity, signed } from "./format.js";
import { t } from "./words.js";

const POINTS = 33;
const MOST = 12;
// After the answer itself: the curves may come a moment later.
const PAUSE = 60;

export class Curves {
  /**
   * @param model as `/models/<model>` tells it
   * @param pick (feature's name, value): a person points at a place of a curve
   */
  constructor(model, pick) {
    this.model = model;
    this.isClass = model.signature.task === "classification";
    this.charts = numbers(model).map((one) => new Chart(one.feature, one.span, model.signature.target, this.isClass, pick));
    this.element = el("div", { class: "curves" }, this.charts.map((one) => one.element));
    this.about = el("p", { class: "about" }, t(this.isClass ? "curves.about-class" : "curves.about", { target: model.signature.target.name }));
    this.asker = new Asker(
      (values, signal) => predict(model.name, instances(this.charts, values), { every: this.isClass, signal }),
      (answer, values) => this.#show(answer.predictions, values),
      // What is wrong with the row is said beside its fields.
      () => this.element.classList.add("stale"),
    );
  }

  /** Whether the model has a number to move. */
  get isUseful() {
    return this.charts.length > 0;
  }

  /** Another instance: feature -> value. */
  change(values) {
    if (this.isUseful) this.asker.change(values, PAUSE);
  }

  stop() {
    this.asker.stop();
  }

  #show(predictions, values) {
    const [now, ...rest] = predictions;
    const read = this.isClass ? (one) => one.probabilities[now.label] : (one) => one;
    const found = rest.map(read);
    const parts = this.charts.map((one, place) => found.slice(place * (POINTS + 2), (place + 1) * (POINTS + 2)));
    // One scale for all: what moves the prediction more is seen to.
    const all = [read(now), ...parts.flatMap((one) => one.slice(0, POINTS))];
    const [low, high] = this.isClass ? [0, 1] : [Math.min(...all), Math.max(...all)];
    this.element.classList.remove("stale");
    this.charts.forEach((one, place) => one.show(parts[place], read(now), values[one.feature.name], { low, high, label: now.label }));
  }
}

/** The instance itself; then for each chart its points, and one row either side of the present value. */
function instances(charts, values) {
  const moved = charts.flatMap((one) => one.xs(values[one.feature.name]).map((x) => ({ ...values, [one.feature.name]: x })));
  return [values, ...moved];
}

/** The numbers with a range; of many those that matter most to the score. */
function numbers(model) {
  const rises = model.metrics?.importance?.rises ?? {};
  const found = model.signature.features
    .filter((one) => one.type === "number")
    .map((feature) => ({ feature, span: range(feature, model.typical[feature.name]) }))
    .filter((one) => one.span);
  if (found.length <= MOST) return found;
  return found.sort((one, two) => (rises[two.feature.name] ?? 0) - (rises[one.feature.name] ?? 0)).slice(0, MOST);
}

class Chart {
  constructor(feature, span, target, isClass, pick) {
    Object.assign(this, { feature, span, target, isClass });
    this.path = svg("path", {});
    this.area = svg("path", { class: "area" });
    this.spot = el("span", { class: "spot" });
    this.slope = el("p", { class: "slope" });
    this.top = el("span", {});
    this.bottom = el("span", {});
    this.plot = el("div", { class: "plot", role: "img" },
      svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, this.path), this.spot);
    const place = (event) => {
      const box = this.plot.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const digits = 10 ** span.digits;
      const value = Math.round((span.low + share * (span.high - span.low)) * digits) / digits;
      pick(feature.name, Math.min(span.high, Math.max(span.low, value)));
    };
    this.plot.addEventListener("pointerdown", (event) => {
      this.plot.setPointerCapture(event.pointerId);
      place(event);
    });
    this.plot.addEventListener("pointermove", (event) => this.plot.hasPointerCapture(event.pointerId) && place(event));
    this.element = el("figure", { class: "curve" },
      el("figcaption", {}, el("span", { class: "curve-name" }, feature.name), this.slope),
      el("div", { class: "plot-frame" }, el("div", { class: "scale", "aria-hidden": "true" }, this.top, this.bottom), this.plot),
      el("p", { class: "ends", "aria-hidden": "true" }, el("span", {}, number(span.low)), el("span", {}, feature.unit ?? ""), el("span", {}, number(span.high))),
    );
  }

  /** The values to ask about: over the range, then either side of the present one. */
  xs(now) {
    const { low, high } = this.span;
    const over = Array.from({ length: POINTS }, (_, place) => low + ((high - low) * place) / (POINTS - 1));
    const at = typeof now === "number" ? now : (low + high) / 2;
    return [...over, at - this.#step, at + this.#step];
  }

  show(found, y, now, { low, high, label }) {
    const height = high - low || 1;
    const points = found.slice(0, POINTS).map((one, place) => [(100 * place) / (POINTS - 1), 96 - (92 * (one - low)) / height]);
    const line = points.map(([x, at], place) => `${place ? "L" : "M"}${x.toFixed(2)} ${at.toFixed(2)}`).join("");
    this.path.setAttribute("d", line);
    this.area.setAttribute("d", `${line}L100 100L0 100Z`);
    const isThere = typeof now === "number";
    const share = isThere ? (now - this.span.low) / (this.span.high - this.span.low) : 0;
    this.spot.hidden = !isThere || share < 0 || share > 1;
    this.spot.style.setProperty("--x", `${100 * share}%`);
    this.spot.style.setProperty("--y", `${96 - (92 * (y - low)) / height}%`);
    const shown = this.isClass ? (one) => percent(one, 0) : (one) => number(one, 3);
    say(this.top, shown(high));
    say(this.bottom, shown(low));
    const slope = (found[POINTS + 1] - found[POINTS]) / (2 * this.#step);
    say(this.slope, isThere ? this.#words(slope, label) : t("field.missing"));
    this.plot.setAttribute("aria-label", t("curves.label", {
      target: this.isClass ? label : this.target.name, feature: this.feature.name,
      from: shown(found[0]), to: shown(found[POINTS - 1]), low: number(this.span.low), high: number(this.span.high),
    }));
  }

  #words(slope, label) {
    const per = this.feature.unit ? t("curves.per", { unit: this.feature.unit }) : t("curves.per-one");
    if (this.isClass) return `${label}: ${signed(100 * slope)} % ${per}`;
    return `${quantity(signed(slope), this.target.unit)} ${per}`;
  }

  get #step() {
    return (this.span.high - this.span.low) / 400;
  }
}
