// From a drawing to the pixels of a model: which signatures are images, and how ink becomes shares of cells.

// Sub-pixels of a cell, each way: a stroke's edge covers a part of it.
export const FINE = 8;
const NAMED = /^(pixel|px)[_ -]?\d+([_ -]\d+)?$/i;
// Fewer numbers of one range may well be a table.
const FEWEST_UNNAMED = 36;
// A dot stays a dot: what is smaller than this share of the canvas is not blown up to fill it.
const LEAST = 0.35;

/**
 * The image that a signature's features are: `{ side, low, high, names }`, pixels row by row; null where they are none.
 *
 * Numbers only, as many as a square has cells, with pixels' names or all beginning at the same value.
 */
export function imageOf({ features }) {
  const side = Math.sqrt(features.length);
  if (!Number.isInteger(side) || side < 4 || !features.every((one) => one.type === "number" && one.minimum != null)) return null;
  const low = Math.min(...features.map((one) => one.minimum));
  const high = Math.max(...features.map((one) => one.maximum));
  const named = features.every((one) => NAMED.test(one.name));
  const alike = features.length >= FEWEST_UNNAMED && features.every((one) => one.minimum === low && !one.unit);
  return high > low && (named || alike) ? { side, low, high, names: features.map((one) => one.name) } : null;
}

/**
 * Where a drawing goes in an image of `side` cells, as `{ scale, x, y }`: a point p lands on p · scale + (x, y).
 *
 * @param strokes lists of points, 0 to 1 each way
 * @param stroke width of a line in cells, which stays what it is
 * @param fits whether the drawing is centred and made as large as the image
 */
export function placed(strokes, side, stroke, fits) {
  const points = strokes.flat();
  if (!fits || points.length === 0) return { scale: side, x: 0, y: 0 };
  const [xs, ys] = [points.map((one) => one.x), points.map((one) => one.y)];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const scale = (side - stroke) / Math.max(right - left, bottom - top, LEAST);
  return { scale, x: side / 2 - ((left + right) / 2) * scale, y: side / 2 - ((top + bottom) / 2) * scale };
}

/** Each cell's mean ink, 0 to 1, of sub-pixels with an alpha of 0 to 255, row by row. */
export function cells(data, side) {
  const width = side * FINE;
  const sums = new Array(side * side).fill(0);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      sums[Math.floor(y / FINE) * side + Math.floor(x / FINE)] += data[(y * width + x) * 4 + 3];
    }
  }
  return sums.map((sum) => sum / (255 * FINE * FINE));
}
