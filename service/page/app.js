// The page: which model, which language, light or dark.

import { hasKey, json } from "./api.js";
import { card } from "./card.js";
import { el, fill, say } from "./dom.js";
import { ModelView } from "./model.js";
import { keep, recall } from "./stored.js";
import { LANGUAGES, preferred, remember, speak, spoken, t } from "./words.js";

// Another model may have come, or gone.
const EVERY = 15_000;
const THEMES = ["auto", "light", "dark"];

const at = (id) => document.getElementById(id);
const drafts = new Map();
let served = null;
let view = null;
let shown = 0;
let drawn = "";

async function start() {
  await speak(preferred());
  fill(at("language"), Object.entries(LANGUAGES).map(([tag, name]) => el("option", { value: tag, lang: tag }, name)));
  at("language").value = spoken();
  at("language").addEventListener("change", changeLanguage);
  at("theme").addEventListener("click", changeTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.repaint());
  addEventListener("hashchange", () => select(true));
  at("skip").addEventListener("click", (event) => {
    event.preventDefault();
    at("main").focus();
  });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(() => document.hidden || refresh(), EVERY);
  frame();
  await refresh();
}

/** Ask what is served: a version that is another one is shown anew, a state that is another one is told. */
async function refresh() {
  try {
    served = await json("models");
  } catch (problem) {
    if (!view) fill(at("main"), notice(problem.message));
    return;
  }
  frame();
  const now = served.models.find((one) => one.name === chosen());
  if (!view || now?.digest !== view.model.digest) await select(false);
  else view.tell(now.state);
}

/** Show the chosen model. */
async function select(isAsked) {
  const turn = ++shown;
  const name = chosen();
  leave();
  frame();
  if (!name) return fill(at("main"), notice(t("none")));
  document.title = `${name} · Mulgam`;
  try {
    const model = await json(`models/${encodeURIComponent(name)}`);
    if (turn !== shown) return;
    view = new ModelView(model, served.backend, drafts.get(name), refresh);
    fill(at("main"), view.element);
    view.repaint();
    if (isAsked) at("main").focus({ preventScroll: true });
  } catch (problem) {
    if (turn === shown) fill(at("main"), notice(problem.message));
  }
}

function leave() {
  if (!view) return;
  drafts.set(view.model.name, view.state());
  view.stop();
  view = null;
}

/** The name after the #, else the first model's. */
function chosen() {
  const names = (served?.models ?? []).map((one) => one.name);
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    // A % that belongs to nothing names no model.
  }
  return names.includes(name) ? name : names[0] ?? "";
}

/** Everything around the model, in the present language. */
function frame() {
  say(at("skip"), t("skip"));
  at("brand").setAttribute("aria-label", t("brand"));
  at("language").setAttribute("aria-label", t("language"));
  at("models").setAttribute("aria-label", t("models"));
  at("links").setAttribute("aria-label", t("links"));
  const theme = recall("localStorage", "theme") ?? "auto";
  say(at("theme"), `◐ ${t(`theme.${theme}`)}`);
  at("theme").setAttribute("aria-label", t("theme", { now: t(`theme.${theme}`) }));
  const now = chosen();
  const picture = JSON.stringify([spoken(), now, served]);
  // What is the same stays as it is, and keeps the focus.
  if (!served || picture === drawn) return;
  drawn = picture;
  const { docs, metrics } = served.links;
  const link = (path, word) => path && el("a", { href: path.slice(1) }, t(word));
  // A link shows no key: the reference asks for one itself, the metrics do not.
  fill(at("links"), link(docs, "link.docs"), link(!hasKey() && metrics, "link.metrics"));
  fill(at("models"), served.models.map((one) => card(one, one.name === now)));
}

async function changeLanguage() {
  await speak(at("language").value);
  remember(spoken());
  await select(false);
}

function changeTheme() {
  const now = recall("localStorage", "theme") ?? "auto";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  keep("localStorage", "theme", next);
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  frame();
  view?.repaint();
}

const notice = (sentence) => el("p", { class: "notice", role: "alert" }, sentence);

start();
