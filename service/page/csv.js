// CSV as the service reads it (RFC 4180): enough of it for a header, a preview, and what a spreadsheet puts on the clipboard.

/** The rows of a text, at most `most`, each a list of cells; a last line without an end counts only if `isWhole`. */
export function rows(text, most = Infinity, isWhole = true, separator = ",") {
  const found = [];
  let row = [];
  let cell = "";
  let quoted = false;
  let position = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  for (; position < text.length && found.length < most; position++) {
    const sign = text[position];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[position + 1] === '"') cell += text[++position];
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === separator) {
      row.push(cell);
      cell = "";
    } else if (sign === "\n") {
      found.push([...row, cell.replace(/\r$/, "")]);
      row = [];
      cell = "";
    } else cell += sign;
  }
  if (isWhole && found.length < most && (cell !== "" || row.length)) found.push([...row, cell.replace(/\r$/, "")]);
  return found;
}

/** A row as a line without its end. */
export const line = (cells) => cells.map(quote).join(",");

/** A table with tabs, as spreadsheets copy it, with commas; any other is left as it is. */
export function withCommas(text) {
  const head = text.split("\n", 1)[0];
  if (!head.includes("\t") || head.includes(",")) return text;
  return rows(text, Infinity, true, "\t").map(line).join("\n") + "\n";
}

const quote = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
