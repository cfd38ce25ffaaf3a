// Numbers as people read them.

import { spoken } from "./words.js";

/** A number with so many significant digits, without needless zeros. */
export function number(value, digits = 4) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(2);
  return value.toLocaleString(spoken(), { maximumSignificantDigits: Math.max(digits, Math.ceil(Math.log10(size + 1))) });
}

/** As plain text for an input or a program: what float32 holds, as short as it is. */
export const plain = (value) => String(Number(value.toPrecision(7)));

export const percent = (share, digits = 1) =>
  share.toLocaleString(spoken(), { style: "percent", maximumFractionDigits: digits });

/** With its sign. */
export const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±") + number(Math.abs(value), 3);

/** Milliseconds as such or as seconds. */
export const milliseconds = (value) => (value < 1000 ? `${number(value, value < 10 ? 2 : 3)} ms` : `${number(value / 1000, 3)} s`);

/** A quantity with its unit. */
export const quantity = (text, unit) => (unit ? `${text} ${unit}` : text);
