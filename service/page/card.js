// A model's card: what it is, which version, whether it is ready, how it stands beside its baselines.

import { hasKey, ask } from "./api.js";
import { el } from "./dom.js";
import { number, percent } from "./format.js";
import { t } from "./words.js";

const NAMES = { rmse: "RMSE", mae: "MAE", r2: "R²", rmsle: "RMSLE" };
const MORE_IS_BETTER = new Set(["accuracy", "r2"]);
const SHARES = new Set(["accuracy"]);

/** A link in the list of models. */
export function card(model, isCurrent) {
  return el("a", { class: "card", href: `#${encodeURIComponent(model.name)}`, "aria-current": isCurrent ? "true" : null },
    el("span", { class: "card-head" }, el("strong", {}, model.name), state(model)),
    el("span", { class: "card-line" }, t(`task.${model.task}`), " · ", t("card.version", { version: model.version }), " · ", model.runtime),
    standing(model.score),
    el("span", { class: "card-line mono" }, model.digest.slice(0, 12)),
  );
}

/** The head of a model's own part of the page. */
export function heading(model, backend) {
  return el("header", { class: "heading" },
    el("div", { class: "heading-words" },
      el("h1", {}, model.name, " ", state(model)),
      model.description && el("p", { class: "lead" }, model.description),
      model.state !== "ready" && el("p", { class: "warning" }, t(`why.${model.state}`)),
      el("dl", { class: "facts" },
        fact(t("card.task"), t(`task.${model.task}`), model.synthetic && el("span", { class: "tag" }, t("card.synthetic"))),
        fact(t("card.version-word"), String(model.version)),
        fact(t("card.runtime"), `${model.runtime} · ${backend}`, model.precision !== "float32" && el("span", { class: "tag" }, model.precision)),
        fact(t("card.digest"), el("span", { class: "mono", title: model.digest }, model.digest.slice(0, 16))),
        fact(t("card.report"), report(model)),
      ),
    ),
    model.score && scores(model.score),
  );
}

/** Ready or not, in a word. */
const state = (model) => el("span", { class: `state ${model.state}` }, t(`state.${model.state}`));

const fact = (name, ...values) => el("div", {}, el("dt", {}, name), el("dd", {}, values));

/** A plain link; where a key is needed, a link can't show it: then the report is fetched and kept as a file. */
function report(model) {
  const path = `models/${encodeURIComponent(model.name)}/report`;
  if (!hasKey()) return el("a", { href: path, target: "_blank", rel: "noopener" }, t("card.report-open"));
  const save = async () => {
    const link = URL.createObjectURL(await (await ask(path)).blob());
    el("a", { href: link, download: `${model.name}-${model.version}.html` }).click();
    setTimeout(() => URL.revokeObjectURL(link), 10_000);
  };
  return el("button", { type: "button", class: "plain small", onclick: save }, t("card.report-save"));
}

const scoreName = (name) => NAMES[name] ?? t(`score.${name}`);
const shown = (name, value) => (SHARES.has(name) ? percent(value) : number(value, 3));

function best(score) {
  const sign = MORE_IS_BETTER.has(score.name) ? -1 : 1;
  return Object.entries(score.baselines).sort((one, two) => sign * (one[1] - two[1]))[0];
}

function standing(score) {
  if (!score) return el("span", { class: "card-line" }, t("score.unknown"));
  const [, theirs] = best(score) ?? [];
  return el("span", { class: "card-line" }, el("b", {}, `${scoreName(score.name)} ${shown(score.name, score.value)}`),
    theirs !== undefined && ` · ${t("score.beside", { value: shown(score.name, theirs) })}`);
}

/** The score and those beside it as bars. */
function scores(score) {
  const all = [
    { name: t("score.ours"), value: score.value, kind: "ours" },
    ...Object.entries(score.baselines).map(([name, value]) => ({ name, value, kind: "theirs" })),
    ...(score.noise_floor == null ? [] : [{ name: t("score.floor"), value: score.noise_floor, kind: "floor" }]),
  ];
  const isMore = MORE_IS_BETTER.has(score.name);
  all.sort((one, two) => (isMore ? two.value - one.value : one.value - two.value));
  const most = Math.max(...all.map((one) => one.value), isMore ? 1 : 0);
  return el("figure", { class: "scores" },
    el("figcaption", {}, t(isMore ? "score.more" : "score.less", { name: scoreName(score.name) })),
    el("ol", { class: "bars" }, all.map((one) => el("li", { class: one.kind, style: { "--share": String(Math.max(0, one.value / most)) } },
      el("span", { class: "name" }, one.name), el("span", { class: "track", "aria-hidden": "true" }, el("span")),
      el("span", { class: "amount" }, shown(score.name, one.value))))),
  );
}
