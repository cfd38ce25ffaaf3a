// Requests to the service that served this page; an error is its one sentence with its code and place.

import { askForKey } from "./key.js";
import { keep, recall } from "./stored.js";
import { t } from "./words.js";

let asking = null;

/** What the service (or the way to it) refused: `field` says where. */
export class Refused extends Error {
  constructor(sentence, code = "", field = null, status = 0) {
    super(sentence);
    Object.assign(this, { code, field, status });
  }
}

/** Whether a key is in use: then a plain link would be refused. */
export const hasKey = () => key() !== null;

/** An answer of 200, whole requests with a key where one is wanted; throws Refused, or AbortError. */
export async function ask(path, { method = "GET", body, type, signal } = {}) {
  for (;;) {
    const shown = key();
    const answer = await sent(path, method, body, type, signal, shown);
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await refusal(answer);
    if (shown === key()) await newKey(shown !== null);
  }
}

/** The parsed answer. */
export async function json(path, options) {
  return (await ask(path, options)).json();
}

/** Predictions for instances, as the gateway's own JSON has them, and the headers of the answer. */
export async function predict(model, instances, { every = false, signal } = {}) {
  const path = `predict/${encodeURIComponent(model)}${every ? "?probabilities=all" : ""}`;
  const body = JSON.stringify({ instances });
  const answer = await ask(path, { method: "POST", type: "application/json", body, signal });
  return { ...(await answer.json()), headers: answer.headers };
}

async function sent(path, method, body, type, signal, shown) {
  const headers = {};
  if (type) headers["Content-Type"] = type;
  // What someone tries here is no sign that the world has moved.
  if (type === "application/json") headers["X-What-If"] = "1";
  if (shown) headers.Authorization = `Bearer ${shown}`;
  try {
    return await fetch(path, { method, body, headers, signal, cache: "no-store", credentials: "omit" });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refused(t("unreachable"), "UNREACHABLE");
  }
}

async function refusal(answer) {
  try {
    const told = await answer.json();
    return new Refused(String(told.error), String(told.code), told.field ?? null, answer.status);
  } catch {
    return new Refused(t("unreadable", { status: answer.status }), "UNREADABLE", null, answer.status);
  }
}

/** Several requests that are refused at once ask the person once. */
function newKey(isWrong) {
  asking ??= askForKey(isWrong)
    .then((given) => keep("sessionStorage", "key", given))
    .finally(() => {
      asking = null;
    });
  return asking;
}

const key = () => recall("sessionStorage", "key");
