// What the browser keeps for this page; where storage is refused, the tab's memory does.

const memory = new Map();

/** What was kept under a name in an area ("localStorage", "sessionStorage"); null for nothing. */
export function recall(area, name) {
  try {
    return window[area].getItem(`mulgam.${name}`);
  } catch {
    return memory.get(name) ?? null;
  }
}

/** Keep a text. */
export function keep(area, name, text) {
  try {
    window[area].setItem(`mulgam.${name}`, text);
  } catch {
    memory.set(name, text);
  }
}
