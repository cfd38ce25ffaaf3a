// The present call as curl, Python and tritonclient, ready to copy.

import { hasKey } from "./api.js";
import { el, say } from "./dom.js";
import { t } from "./words.js";

// So many features are told by name; more are listed in their order.
const MOST_NAMED = 12;
const NUMPY = { FP16: "float16", FP32: "float32", FP64: "float64", BOOL: "bool" };

export class Calls {
  /** @param model as `/models/<model>` tells it */
  constructor(model) {
    this.model = model;
    const makers = { curl, Python: python, tritonclient: triton };
    this.views = Object.entries(makers).map(([name, maker], place) => this.#view(name, maker, place));
    const tabs = el("div", { class: "tabs", role: "tablist", "aria-label": t("calls.title") }, this.views.map((one) => one.tab));
    tabs.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = this.views[(this.views.findIndex((one) => one.tab.tabIndex === 0) + step + this.views.length) % this.views.length];
      this.#choose(next);
      next.tab.focus();
    });
    this.element = el("div", { class: "calls" }, tabs, this.views.map((one) => one.panel));
    this.#choose(this.views[0]);
  }

  /** Another instance: feature -> value. */
  change(values) {
    for (const one of this.views) say(one.code, one.maker(this.model, values));
  }

  #view(name, maker, place) {
    const view = { maker, code: el("code", {}) };
    view.tab = el("button", { type: "button", role: "tab", id: `tab-${place}`, "aria-controls": `call-${place}`, onclick: () => this.#choose(view) }, name);
    view.copy = el("button", { type: "button", class: "plain small copy", onclick: () => copied(view) }, t("calls.copy"));
    view.panel = el("div", { role: "tabpanel", id: `call-${place}`, "aria-labelledby": `tab-${place}`, class: "call" },
      view.copy, el("pre", { tabindex: 0, "aria-label": name }, view.code));
    return view;
  }

  #choose(chosen) {
    for (const one of this.views) {
      one.panel.hidden = one !== chosen;
      one.tab.setAttribute("aria-selected", String(one === chosen));
      one.tab.tabIndex = one === chosen ? 0 : -1;
    }
  }
}

async function copied(view) {
  const text = view.code.textContent;
  let word = "calls.copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS, away from loopback, there is no clipboard: the text is selected to be copied by hand.
    getSelection().selectAllChildren(view.code);
    word = "calls.selected";
  }
  say(view.copy, t(word));
  setTimeout(() => say(view.copy, t("calls.copy")), 2000);
}

const base = () => new URL(".", document.baseURI).href;
const address = (model) => `${base()}predict/${encodeURIComponent(model.name)}`;

function instance(model, values) {
  const { features } = model.signature;
  return features.length <= MOST_NAMED ? values : features.map((one) => values[one.name]);
}

function curl(model, values) {
  const body = JSON.stringify({ instances: [instance(model, values)] });
  const lines = [`curl ${shell(address(model))}`, "-H 'Content-Type: application/json'"];
  if (hasKey()) lines.push('-H "Authorization: Bearer $MULGAM_API_KEY"');
  return [...lines, `-d ${shell(body)}`].join(" \\\n  ");
}

function python(model, values) {
  const headers = `{"Content-Type": "application/json"${hasKey() ? ', "Authorization": "Bearer " + os.environ["MULGAM_API_KEY"]' : ""}}`;
  return `import json${hasKey() ? "\nimport os" : ""}
import urllib.request

row = ${literal(instance(model, values))}
request = urllib.request.Request(
    ${literal(address(model))},
    json.dumps({"instances": [row]}).encode(),
    ${headers},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)["predictions"][0])
`;
}

function triton(model, values) {
  const { inputs, outputs, features } = model.signature;
  const of = (kinds) => features.filter((one) => kinds.includes(one.type)).map((one) => values[one.name]);
  const words = (list) => `np.array([[${list.map((one) => literal(one == null ? "" : String(one))).join(", ")}]], np.object_)`;
  const arrays = {
    numeric: () => ["FP32", `np.array([[${of(["number"]).map((one) => (one === null ? "np.nan" : literal(one))).join(", ")}]], np.float32)`],
    categories: () => ["BYTES", words(of(["category", "boolean"]))],
    text: () => ["BYTES", words(of(["text"]))],
  };
  const isOwn = features.some((one) => one.type === "tensor");
  const parts = inputs.map(({ name, datatype }, place) => {
    const [type, array] = isOwn
      ? [datatype, `np.array([${literal(values[name])}], np.${NUMPY[datatype] ?? datatype.toLowerCase()})`]
      : arrays[name]();
    return `array = ${array}
inputs.append(triton.InferInput(${literal(name)}, list(array.shape), ${literal(type)}))
inputs[${place}].set_data_from_numpy(array)`;
  });
  const { protocol, href } = new URL(base());
  const server = href.slice(protocol.length + 2).replace(/\/$/, "");
  const key = hasKey() ? ', headers={"Authorization": "Bearer " + os.environ["MULGAM_API_KEY"]}' : "";
  return `${hasKey() ? "import os\n\n" : ""}import numpy as np
import tritonclient.http as triton

inputs = []
${parts.join("\n")}
client = triton.InferenceServerClient(${literal(server)}${protocol === "https:" ? ", ssl=True" : ""})
answer = client.infer(${literal(model.name)}, inputs${key})
print(answer.as_numpy(${literal(outputs[0].name)}))
`;
}

/** A word of a shell. */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A JSON value as Python writes it. */
function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${literal(name)}: ${literal(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}
