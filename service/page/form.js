// The form that a signature asks for: fields, or a canvas for what is an image.

import { el, fill } from "./dom.js";
import { Drawing } from "./drawing.js";
import { field } from "./fields.js";
import { imageOf } from "./ink.js";
import { t } from "./words.js";

export class Form {
  /**
   * @param model as `/models/<model>` tells it
   * @param kept what `state` of an earlier form gave; undefined: a typical row
   * @param changed called with the pause after which to ask
   */
  constructor(model, kept, changed) {
    const start = { ...model.typical, ...kept?.values };
    this.features = model.signature.features;
    this.element = el("div", { class: "form" });
    // The service speaks English.
    this.general = el("p", { class: "error", role: "alert", lang: "en", hidden: true });
    const image = imageOf(model.signature);
    if (image) {
      this.drawing = new Drawing(image, kept?.strokes ?? [], changed);
      fill(this.element, this.drawing.element, this.general);
      return;
    }
    this.fields = new Map(
      this.features.map((one, place) => [one.name, field(one, start[one.name], `field-${place}`, changed)]),
    );
    const again = () => {
      for (const one of this.fields.values()) if (model.typical[one.feature.name] !== undefined) one.set(model.typical[one.feature.name]);
      changed(0);
    };
    const reset = Object.keys(model.typical).length > 0 &&
      el("button", { type: "button", class: "plain small", onclick: again }, t("form.reset"));
    const fields = el("div", { class: "fields" }, [...this.fields.values()].map((one) => one.element));
    fill(this.element, fields, reset && el("div", { class: "form-end" }, reset), this.general);
  }

  /** The instance as an object by feature. */
  values() {
    if (this.drawing) return this.drawing.values();
    return Object.fromEntries([...this.fields].map(([name, one]) => [name, one.value()]));
  }

  /** What another form of the same model goes on with. */
  state() {
    return this.drawing ? { strokes: this.drawing.strokes } : { values: this.values() };
  }

  /** Whether there is nothing to ask about yet. */
  get isEmpty() {
    if (this.drawing) return this.drawing.isEmpty;
    return this.features.length === 1 && this.features[0].type === "text" && this.values()[this.features[0].name] === "";
  }

  /** Set one feature, as if a person had. */
  set(name, value) {
    this.fields?.get(name)?.set(value, true);
  }

  /** Show an error of the service where it belongs: beside its field, else below the form; null: all is well. */
  tell(problem) {
    const name = problem?.field?.startsWith("instances[0].") ? problem.field.slice("instances[0].".length) : null;
    const place = this.fields?.get(name);
    for (const one of this.fields?.values() ?? []) one.tell(one === place ? problem.message.replace(problem.field, name) : null);
    this.general.hidden = !problem || Boolean(place);
    fill(this.general, problem && !place ? problem.message : "");
  }
}
