// The page's words: one dictionary a language, loaded when it is chosen.

import { keep, recall } from "./stored.js";

export const LANGUAGES = { en: "English", ko: "한국어" };

let words = {};
let language = "en";

/** The word or sentence of a key, with the values of its {places}. */
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/** The present language's tag. */
export const spoken = () => language;

/** Speak a language from now on. */
export async function speak(tag) {
  words = (await import(`./${tag}.js`)).default;
  language = document.documentElement.lang = tag;
}

/** Speak it the next time, too. */
export const remember = (tag) => keep("localStorage", "language", tag);

/** The language of last time, else the first that the browser prefers and the page knows. */
export function preferred() {
  const known = (tag) => Object.hasOwn(LANGUAGES, tag);
  const stored = recall("localStorage", "language");
  if (stored && known(stored)) return stored;
  return navigator.languages.map((tag) => tag.toLowerCase().split("-")[0]).find(known) ?? "en";
}
