// Asks a person for the API key; it stays in this tab.

import { el } from "./dom.js";
import { t } from "./words.js";

/** A key, once one was given. */
export function askForKey(isWrong) {
  return new Promise((resolve) => {
    const input = el("input", {
      id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true,
      "aria-describedby": "key-note",
    });
    const form = el("form", {},
      el("h2", { id: "key-title" }, t("key.title")),
      el("p", { id: "key-note" }, t(isWrong ? "key.wrong" : "key.note")),
      el("label", { for: "key" }, t("key.label")),
      input,
      el("button", { type: "submit", class: "main" }, t("key.go")),
    );
    const dialog = el("dialog", { "aria-labelledby": "key-title", class: "dialog" }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // What can't stand in a header is no key.
      const given = input.value.trim().replace(/[^\x21-\x7e]/g, "");
      if (!given) return;
      dialog.close();
      dialog.remove();
      resolve(given);
    });
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  });
}
