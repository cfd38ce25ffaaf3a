// One control for each type of feature; each gives the JSON value that the service is sent.

import { el, say } from "./dom.js";
import { plain } from "./format.js";
import { t } from "./words.js";

// Longer vocabularies are typed, with suggestions.
const MOST_OPTIONS = 60;
// While someone types, an answer may wait until a word is whole.
const TYPING = 120;

/**
 * A control.
 *
 * @param feature of the signature
 * @param start the value to begin with; undefined: something in the middle
 * @param id of the control; unique on the page
 * @param changed called with the pause after which to ask
 */
export function field(feature, start, id, changed) {
  const made = MAKERS[feature.type](feature, start, id, changed);
  const error = el("p", { class: "error", id: `${id}-error`, lang: "en", hidden: true });
  const unit = feature.unit && el("span", { class: "unit" }, feature.unit);
  const head = el("div", { class: "field-head" }, el("label", { for: id }, feature.name, unit && " ", unit), made.aside);
  const element = el("div", { class: `field ${feature.type}` }, head, made.control, made.note, error);
  return {
    feature,
    element,
    value: made.value,
    set: made.set,
    /** Show what the service says of this value; null: nothing. */
    tell(sentence) {
      error.hidden = sentence === null;
      say(error, sentence ?? "");
      made.input.setAttribute("aria-invalid", String(sentence !== null));
    },
  };
}

/** Least, greatest, and the step of a number's slider; null where training says no range. */
export function range(feature, typical) {
  const { minimum: low, maximum: high } = feature;
  if (low == null || high == null || !(low < high)) return null;
  const whole = [low, high, typical ?? low].every(Number.isInteger) && high - low <= 1000;
  const step = whole ? 1 : 10 ** Math.floor(Math.log10((high - low) / 100));
  return { low, high, step, digits: Math.max(0, -Math.round(Math.log10(step))) };
}

const MAKERS = { number, category, boolean: category, text, tensor };

function number(feature, start, id, changed) {
  const span = range(feature, start);
  const fallback = span ? Number(((span.low + span.high) / 2).toFixed(span.digits)) : 0;
  let missing = start === null;
  const input = el("input", {
    id, type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": `${id}-note ${id}-error`,
  });
  const slider = span && el("input", {
    type: "range", min: Math.floor(span.low / span.step) * span.step, max: Math.ceil(span.high / span.step) * span.step,
    step: span.step, "aria-label": t("field.slider", { name: feature.name }),
  });
  const note = el("p", { class: "note", id: `${id}-note` });
  const none = feature.missing && el("button", {
    type: "button", class: "chip", "aria-pressed": "false", "aria-label": t("field.missing-of", { name: feature.name }),
    onclick: () => put(missing ? Number(slider?.value ?? fallback) : null, true),
  }, t("field.missing"));

  const value = () => {
    const written = input.value.trim();
    if (written === "") return null;
    // What is no number is sent as it is: the service says what it wants.
    return Number.isFinite(Number(written)) ? Number(written) : written;
  };
  const show = () => {
    const now = value();
    missing = now === null;
    none?.setAttribute?.("aria-pressed", String(missing));
    input.placeholder = feature.missing ? t("field.missing") : "";
    if (slider) {
      if (typeof now === "number") slider.value = String(now);
      slider.classList.toggle("off", missing);
      slider.style.setProperty("--at", String((slider.value - slider.min) / (slider.max - slider.min)));
      slider.setAttribute("aria-valuetext", missing ? t("field.missing") : input.value);
    }
    const outside = span && typeof now === "number" && (now < span.low || now > span.high);
    note.classList.toggle("outside", Boolean(outside));
    const words = span && { low: plain(span.low), high: plain(span.high) };
    say(note, span ? t(outside ? "field.outside" : "field.range", words) : "");
  };
  const put = (set, tell = false) => {
    input.value = set === null ? "" : typeof set === "number" ? plain(set) : set;
    show();
    if (tell) changed(0);
  };
  slider?.addEventListener("input", () => {
    const clipped = Math.min(span.high, Math.max(span.low, Number(slider.value)));
    put(Number(clipped.toFixed(span.digits + (clipped === Number(slider.value) ? 0 : 6))), true);
  });
  input.addEventListener("input", () => {
    show();
    changed(TYPING);
  });
  put(start === undefined ? fallback : start);
  return { input, value, set: put, note, aside: none, control: el("div", { class: "number-row" }, slider, input) };
}

/** Categories and booleans: a list to choose from; of a long vocabulary a text with suggestions. */
function category(feature, start, id, changed) {
  const values = feature.type === "boolean" ? [false, true] : feature.vocabulary ?? [];
  if (values.length > MOST_OPTIONS) return suggested(feature, start, id, changed);
  const options = values.map((one, place) => el("option", { value: String(place) }, shown(one)));
  if (feature.missing) options.push(el("option", { value: "" }, t("field.missing-option")));
  const select = el("select", { id, "aria-describedby": `${id}-error`, onchange: () => changed(0) }, options);
  const set = (one) => {
    select.value = one == null ? (feature.missing ? "" : "0") : String(values.indexOf(one));
  };
  set(start === undefined ? values[0] : start);
  return { input: select, set, control: select, value: () => (select.value === "" ? null : values[Number(select.value)]) };
}

function suggested(feature, start, id, changed) {
  const known = new Set(feature.vocabulary);
  const note = el("p", { class: "note", id: `${id}-note` });
  const input = el("input", { id, type: "text", list: `${id}-list`, autocomplete: "off", "aria-describedby": `${id}-note ${id}-error` });
  const show = () => {
    const isUnseen = input.value !== "" && !known.has(input.value);
    note.classList.toggle("outside", isUnseen);
    say(note, isUnseen ? t("field.unseen") : t("field.words", { count: known.size }));
  };
  const set = (one) => {
    input.value = one ?? "";
    show();
  };
  input.addEventListener("input", () => {
    show();
    changed(TYPING);
  });
  set(start === undefined ? feature.vocabulary[0] : start);
  const list = el("datalist", { id: `${id}-list` }, feature.vocabulary.map((word) => el("option", { value: word })));
  return { input, set, note, control: el("div", {}, input, list), value: () => input.value || null };
}

function text(feature, start, id, changed) {
  const note = el("p", { class: "note", id: `${id}-note` });
  const input = el("textarea", { id, rows: 5, "aria-describedby": `${id}-note ${id}-error`, placeholder: t("field.text") });
  const show = () => {
    const length = [...input.value.normalize("NFC")].length;
    note.classList.toggle("outside", length > feature.length);
    say(note, t(length > feature.length ? "field.cut" : "field.length", { length, most: feature.length }));
  };
  const set = (one) => {
    input.value = one ?? "";
    show();
  };
  input.addEventListener("input", () => {
    show();
    changed(TYPING);
  });
  set(start);
  return { input, set, note, control: input, value: () => input.value };
}

/** A tensor as nested lists of JSON. */
function tensor(feature, start, id, changed) {
  const filling = feature.datatype === "BOOL" ? false : 0;
  const zeros = feature.shape.reduceRight((inner, size) => Array(size).fill(inner), filling);
  const note = el("p", { class: "note", id: `${id}-note` }, t("field.tensor", {
    datatype: feature.datatype, shape: feature.shape.join(" × ") || "1",
  }));
  const input = el("textarea", { id, rows: 6, class: "code", spellcheck: "false", "aria-describedby": `${id}-note ${id}-error` });
  input.addEventListener("input", () => changed(TYPING));
  const set = (one) => {
    input.value = JSON.stringify(one);
  };
  set(start ?? zeros);
  const value = () => {
    try {
      return JSON.parse(input.value);
    } catch {
      return input.value;
    }
  };
  return { input, set, note, control: input, value };
}

const shown = (value) => (typeof value === "boolean" ? t(value ? "field.true" : "field.false") : value);
