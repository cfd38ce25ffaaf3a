// One model's part of the page: its form and answer, how it moves, tables, calls, and what is going on.

import { Answer } from "./answer.js";
import { predict } from "./api.js";
import { Asker } from "./asker.js";
import { Calls } from "./calls.js";
import { heading } from "./card.js";
import { Curves } from "./curves.js";
import { el } from "./dom.js";
import { Form } from "./form.js";
import { Live } from "./live.js";
import { Table } from "./table.js";
import { t } from "./words.js";

export class ModelView {
  /**
   * @param model as `/models/<model>` tells it
   * @param backend what computes the predictions
   * @param kept what `state` of an earlier view gave
   * @param moved called when the live view tells of another state
   */
  constructor(model, backend, kept, moved) {
    Object.assign(this, { model, backend, heading: heading(model, backend) });
    const { task, features } = model.signature;
    this.form = new Form(model, kept, (pause) => this.#changed(pause));
    this.answer = new Answer(model);
    this.calls = new Calls(model);
    this.live = new Live(model, moved);
    this.curves = task !== "generic" && !this.form.drawing ? new Curves(model, (name, value) => this.form.set(name, value)) : null;
    const takesTables = features.every((one) => one.type !== "tensor");
    this.table = takesTables ? new Table(model, () => this.form.values()) : null;
    this.asker = new Asker(
      (values, signal) => predict(model.name, [values], { every: task === "classification", signal }),
      (answer, values, took) => this.#answered(answer, values, took),
      (problem) => this.#refused(problem),
    );
    this.element = el("article", { class: "model" },
      this.heading,
      el("section", { class: "try", "aria-labelledby": "try-title" },
        el("h2", { id: "try-title" }, t("try.title")), this.form.element, this.answer.element),
      this.curves?.isUseful && section("curves", t("curves.title"), this.curves.about, this.curves.element),
      this.table && section("table", t("table.title"), this.table.element),
      section("calls", t("calls.title"), this.calls.element),
      section("live", t("live.title"), this.live.element),
    );
    this.#changed(0);
  }

  /** What another view of the same model goes on with. */
  state() {
    return this.form.state();
  }

  /** The model's state as it is now: what was written and drawn stays. */
  tell(state) {
    if (state === this.model.state) return;
    this.model.state = state;
    const made = heading(this.model, this.backend);
    this.heading.replaceWith(made);
    this.heading = made;
  }

  /** Colours have changed. */
  repaint() {
    this.form.drawing?.paint();
  }

  stop() {
    this.asker.stop();
    this.curves?.stop();
    this.table?.stop();
    this.live.stop();
  }

  #changed(pause) {
    const values = this.form.values();
    this.calls.change(values);
    if (this.form.isEmpty) return this.answer.waiting(true);
    this.asker.change(values, pause);
  }

  #answered(answer, values, took) {
    this.form.tell(null);
    if (this.form.isEmpty) return;
    this.answer.show(answer, took);
    this.curves?.change(values);
  }

  #refused(problem) {
    this.form.tell(problem);
    this.answer.refused();
  }
}

const section = (name, title, ...children) =>
  el("section", { class: name, "aria-labelledby": `${name}-title` }, el("h2", { id: `${name}-title` }, title), children);
