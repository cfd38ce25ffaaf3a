// A whole table: pasted, dropped or chosen, scored by the service as it is read, and handed back.

import { ask } from "./api.js";
import { line, rows, withCommas } from "./csv.js";
import { el, fill, say } from "./dom.js";
import { number } from "./format.js";
import { t } from "./words.js";

const PREVIEW = 8;
const HEAD_BYTES = 64 * 1024;

export class Table {
  /**
   * @param model as `/models/<model>` tells it
   * @param values () -> the present instance, for a sample to begin with
   */
  constructor(model, values) {
    Object.assign(this, { model, values, link: null, running: null });
    this.features = model.signature.features.map((one) => one.name);
    this.text = el("textarea", { id: "csv", rows: 6, class: "code", spellcheck: "false", wrap: "off", placeholder: line(this.features.slice(0, 8)), "aria-describedby": "csv-note csv-error" });
    this.file = el("input", { type: "file", id: "csv-file", class: "unseen", accept: ".csv,.tsv,.txt,text/csv", tabindex: -1, "aria-label": t("table.choose"), onchange: () => this.#take(this.file.files[0]) });
    this.error = el("p", { class: "error", id: "csv-error", role: "alert", hidden: true });
    this.progress = el("p", { class: "note", role: "status" });
    this.result = el("div", { class: "result" });
    this.zone = el("div", { class: "zone" },
      el("label", { for: "csv" }, t("table.paste")), this.text,
      el("div", { class: "row" },
        el("button", { type: "button", class: "main", onclick: () => this.#score(new Blob([withCommas(this.text.value)])) }, t("table.score")),
        el("button", { type: "button", class: "plain", onclick: () => this.file.click() }, t("table.choose")),
        el("button", { type: "button", class: "plain", onclick: () => this.#sample() }, t("table.sample")),
        this.file,
      ),
    );
    this.element = el("div", { class: "table" },
      el("p", { class: "about", id: "csv-note" }, t("table.about")), this.zone, this.error, this.progress, this.result,
    );
    this.zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.zone.classList.add("over");
    });
    this.zone.addEventListener("dragleave", () => this.zone.classList.remove("over"));
    this.zone.addEventListener("drop", (event) => {
      event.preventDefault();
      this.zone.classList.remove("over");
      const [dropped] = event.dataTransfer.files;
      if (dropped) this.#take(dropped);
    });
  }

  stop() {
    this.running?.abort();
    if (this.link) URL.revokeObjectURL(this.link);
  }

  /** The present instance and a missing or two, as a table. */
  #sample() {
    const now = this.values();
    const cell = (value) => (value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
    const row = this.features.map((name) => cell(now[name]));
    this.text.value = [["id", ...this.features], ["1", ...row], ["2", ...row]].map(line).join("\n") + "\n";
  }

  async #take(file) {
    this.file.value = "";
    if (!file) return;
    this.text.value = "";
    // What is small may be of tabs; what is large is sent as it lies on the disk.
    const body = file.size < 2 ** 22 ? new Blob([withCommas(await file.text())]) : file;
    await this.#score(body, file.name);
  }

  async #score(body, name = "table.csv") {
    this.stop();
    const running = (this.running = new AbortController());
    this.#tell(null);
    fill(this.result);
    if (body.size === 0) return this.#tell(t("table.empty"));
    say(this.progress, t("table.sent", { name, size: number(body.size / 1024, 3) }));
    try {
      const [head = []] = rows(await body.slice(0, HEAD_BYTES).text(), 1);
      // Columns that the model does not know are passed through.
      const others = head.filter((one) => !this.features.includes(one));
      const query = others.length ? `?keep=${encodeURIComponent(line(others))}` : "";
      const began = performance.now();
      const path = `predict/${encodeURIComponent(this.model.name)}${query}`;
      const answer = await ask(path, { method: "POST", type: "text/csv", body, signal: running.signal });
      await this.#receive(answer, name, began);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      say(this.progress, "");
      this.#tell(problem.code ? problem.message : t("table.broken"));
    }
  }

  /** Read the answer as it comes: a preview at once, the whole in the end. */
  async #receive(answer, name, began) {
    const parts = [];
    const decoder = new TextDecoder();
    let [start, lines, failed] = ["", 0, 0];
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      const text = decoder.decode(part.value, { stream: true });
      if (start.length < HEAD_BYTES) {
        start += text;
        this.#preview(start);
      }
      for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
      say(this.progress, t("table.rows", { rows: number(Math.max(0, lines - 1), 9) }));
    }
    const whole = new Blob(parts, { type: "text/csv" });
    if (whole.size < 2 ** 24) {
      const all = rows(await whole.text());
      lines = all.length;
      failed = all.slice(1).filter((one) => one.at(-1) !== "").length;
      this.#preview(start, true);
    }
    const seconds = (performance.now() - began) / 1000;
    const words = { rows: number(lines - 1, 9), seconds: number(seconds, 2), failed: number(failed, 9) };
    say(this.progress, t(failed ? "table.done-failed" : "table.done", words));
    this.link = URL.createObjectURL(whole);
    const scored = `${name.replace(/\.(csv|tsv|txt)$/i, "")}-scored.csv`;
    this.result.append(el("p", {}, el("a", { href: this.link, download: scored, class: "button main" }, t("table.download", { name: scored }))));
  }

  #preview(text, isWhole = false) {
    const [head, ...found] = rows(text, PREVIEW + 1, isWhole);
    if (!head) return;
    const last = head.length - 1;
    const body = found.map((cells) => el("tr", { class: cells[last] ? "bad" : null }, cells.map((one) => el("td", {}, one))));
    fill(this.result, el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": t("table.preview") },
      el("table", {}, el("thead", {}, el("tr", {}, head.map((one) => el("th", { scope: "col" }, one)))), el("tbody", {}, body))));
  }

  #tell(sentence) {
    this.error.hidden = sentence === null;
    say(this.error, sentence ?? "");
  }
}
