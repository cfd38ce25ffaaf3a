// What the model says of the present instance: a quantity, the classes' probabilities, or a tensor.

import { el, fill, say } from "./dom.js";
import { milliseconds, number, percent, quantity } from "./format.js";
import { t } from "./words.js";

// Of many classes the likeliest are shown.
const MOST_BARS = 12;
// Labels of more letters are written smaller.
const LONG = 6;

export class Answer {
  /** @param model as `/models/<model>` tells it */
  constructor(model) {
    const { task, target } = model.signature;
    this.target = target;
    this.body = { regression: quantityOf, classification: classesOf, generic: tensorOf }[task](target);
    this.latency = el("span", { id: "latency" });
    this.origin = el("span", { class: "mono" });
    this.state = el("p", { class: "answer-state", hidden: true });
    this.element = el("div", { class: "answer" },
      el("h3", {}, t("answer.title", { target: target.name })),
      this.body.element,
      this.state,
      el("p", { class: "answer-end" }, this.latency, this.origin),
    );
    this.waiting(true);
  }

  /** Show an answer of `predict`, which took so long, in milliseconds. */
  show(answer, took) {
    this.#clear();
    this.body.show(answer.predictions[0]);
    say(this.latency, milliseconds(took));
    this.latency.title = t("answer.took");
    say(this.origin, t("answer.by", { version: answer.version, digest: (answer.headers.get("X-Model-Digest") ?? "").slice(0, 8) }));
  }

  /** The last answer is not one to the present instance. */
  refused() {
    this.element.classList.add("stale");
    this.state.hidden = false;
    say(this.state, t("answer.refused"));
  }

  /** Nothing was asked. */
  waiting(isEmpty) {
    this.#clear();
    this.body.clear();
    this.state.hidden = !isEmpty;
    say(this.state, isEmpty ? t("answer.waiting") : "");
    say(this.latency, "");
    say(this.origin, "");
  }

  #clear() {
    this.element.classList.remove("stale");
    this.state.hidden = true;
  }
}

function quantityOf(target) {
  const value = el("span", { class: "value", id: "value" });
  const spot = el("span", { class: "spot" });
  const has = target.minimum != null && target.maximum > target.minimum;
  const element = el("div", { class: "quantity" },
    el("p", { class: "headline", "aria-live": "polite", "aria-atomic": "true" }, value, target.unit && " ",
      target.unit && el("span", { class: "unit" }, target.unit)),
    has && el("div", { class: "gauge", "aria-hidden": "true" }, spot),
    has && el("p", { class: "ends" }, el("span", {}, number(target.minimum)), el("span", {}, t("answer.range")), el("span", {}, number(target.maximum))),
  );
  return {
    element,
    show(prediction) {
      say(value, number(prediction));
      const share = (prediction - target.minimum) / (target.maximum - target.minimum);
      spot.style.setProperty("--at", String(Math.min(1, Math.max(0, share || 0))));
      spot.hidden = false;
    },
    clear() {
      say(value, "–");
      spot.hidden = true;
    },
  };
}

function classesOf(target) {
  const label = el("span", { class: "value", id: "value" });
  const share = el("span", { class: "unit" });
  const bars = el("ol", { class: "bars" });
  const rest = el("p", { class: "note" });
  const isShort = target.classes.length <= MOST_BARS;
  const rows = new Map();
  const bar = (name) => {
    if (!rows.has(name)) {
      const amount = el("span", { class: "amount" });
      const row = el("li", {}, el("span", { class: "name" }, name), el("span", { class: "track", "aria-hidden": "true" }, el("span")), amount);
      rows.set(name, { row, amount });
    }
    return rows.get(name);
  };
  const element = el("div", { class: "classes" },
    el("p", { class: "headline", "aria-live": "polite", "aria-atomic": "true" }, label, " ", share), bars, rest,
  );
  const show = ({ label: best, probability, probabilities }) => {
    say(label, best);
    label.classList.toggle("long", best.length > LONG);
    say(share, percent(probability));
    const sorted = isShort ? target.classes : [...target.classes].sort((one, two) => probabilities[two] - probabilities[one]).slice(0, MOST_BARS);
    const shown = sorted.map((name) => {
      const { row, amount } = bar(name);
      row.style.setProperty("--share", String(probabilities[name]));
      row.classList.toggle("best", name === best);
      say(amount, percent(probabilities[name]));
      return row;
    });
    if (shown.length !== bars.children.length || shown.some((row, place) => bars.children[place] !== row)) fill(bars, shown);
    say(rest, isShort ? "" : t("answer.rest", { count: target.classes.length - MOST_BARS }));
  };
  const clear = () => {
    say(label, "–");
    say(share, "");
    fill(bars, isShort ? target.classes.map((name) => {
      const { row, amount } = bar(name);
      row.style.setProperty("--share", "0");
      row.classList.remove("best");
      say(amount, "");
      return row;
    }) : []);
  };
  return { element, show, clear };
}

function tensorOf(target) {
  const element = el("pre", { class: "tensor", tabindex: 0, id: "value", "aria-label": quantity(target.name, target.unit) });
  return {
    element,
    show: (prediction) => say(element, JSON.stringify(prediction, null, 1).slice(0, 20_000)),
    clear: () => say(element, "–"),
  };
}
