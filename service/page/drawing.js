// A canvas to draw an instance on, by mouse, finger or keys, and beside it what the model sees of it.

import { el, say } from "./dom.js";
import { cells, FINE, placed } from "./ink.js";
import { t } from "./words.js";

const SIZE = 320;
// Width of a line in cells.
const STROKE = 1.15;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Drawing {
  /**
   * @param image as `imageOf` gives it
   * @param strokes of an earlier drawing: lists of points, 0 to 1 each way
   * @param changed called with the pause after which to ask
   */
  constructor(image, strokes, changed) {
    Object.assign(this, { image, strokes, changed, isDown: false, cursor: { x: 0.5, y: 0.5 } });
    this.canvas = el("canvas", {
      width: SIZE, height: SIZE, tabindex: 0, role: "application", id: "canvas",
      "aria-label": t("draw.canvas"), "aria-describedby": "draw-keys",
    });
    this.seen = el("canvas", { width: image.side * 16, height: image.side * 16, role: "img", "aria-label": t("draw.preview") });
    this.small = el("canvas", { width: image.side * FINE, height: image.side * FINE });
    this.fit = el("input", { type: "checkbox", checked: true, onchange: () => this.#told() });
    this.pen = el("span", { class: "unseen", role: "status" });
    this.hint = el("p", { class: "draw-hint" }, t("draw.hint"));
    this.element = el("div", { class: "drawing" },
      el("div", { class: "board" }, this.canvas, this.hint),
      el("div", { class: "draw-side" },
        el("figure", {}, this.seen, el("figcaption", {}, t("draw.seen", { side: image.side }))),
        el("label", { class: "check" }, this.fit, el("span", {}, t("draw.fit"))),
        el("button", { type: "button", class: "plain small", onclick: () => this.clear() }, t("draw.clear")),
        this.pen,
      ),
      el("p", { class: "note", id: "draw-keys" }, t("draw.keys")),
    );
    this.pixels = this.#read();
    this.#listen();
    this.paint();
  }

  /** The instance: feature -> value. */
  values() {
    const { low, high, names } = this.image;
    return Object.fromEntries(names.map((name, place) => [name, Number((low + this.pixels[place] * (high - low)).toFixed(2))]));
  }

  /** Whether nothing is drawn. */
  get isEmpty() {
    return this.strokes.length === 0;
  }

  /** An empty canvas. */
  clear() {
    this.strokes.length = 0;
    this.#told();
  }

  /** Draw everything again, in the present colours. */
  paint() {
    const style = getComputedStyle(this.canvas);
    const context = context2d(this.canvas);
    context.clearRect(0, 0, SIZE, SIZE);
    grid(context, this.image.side, style.borderTopColor);
    ink(context, this.strokes, { scale: SIZE, x: 0, y: 0 }, (SIZE / this.image.side) * STROKE, style.color);
    if (this.canvas.matches(":focus-visible")) this.#cursor(context, style.caretColor);
    pixels(context2d(this.seen), this.pixels, this.image.side, style.color);
    this.hint.hidden = !this.isEmpty;
  }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#penDown(this.#place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.isDown || !canvas.hasPointerCapture(event.pointerId)) return;
      const steps = event.getCoalescedEvents?.() ?? [];
      this.#draw((steps.length ? steps : [event]).map((one) => this.#place(one)));
    });
    const up = () => {
      this.isDown = false;
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.paint());
    canvas.addEventListener("blur", () => {
      up();
      this.paint();
    });
  }

  /** Arrows move by half a cell, with Shift by two; Space puts the pen down and up; Delete clears. */
  #key(event) {
    const move = KEYS[event.key];
    if (move) this.#go(move, (event.shiftKey ? 2 : 0.5) / this.image.side);
    else if (event.key === " ") this.#togglePen();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
  }

  #go([right, down], step) {
    const at = (value) => Math.min(0.98, Math.max(0.02, value));
    this.cursor = { x: at(this.cursor.x + right * step), y: at(this.cursor.y + down * step) };
    if (this.isDown) this.#draw([this.cursor]);
    else this.paint();
  }

  #togglePen() {
    if (this.isDown) {
      this.isDown = false;
      this.paint();
    } else this.#penDown(this.cursor);
    say(this.pen, t(this.isDown ? "draw.down" : "draw.up"));
  }

  #penDown(point) {
    this.isDown = true;
    this.strokes.push([]);
    this.#draw([point]);
  }

  #draw(points) {
    this.strokes.at(-1)?.push(...points);
    this.cursor = points.at(-1);
    this.#told();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  #told() {
    this.pixels = this.#read();
    this.paint();
    this.changed(0);
  }

  /** The ink of each cell, 0 to 1. */
  #read() {
    const { side } = this.image;
    const context = context2d(this.small);
    context.clearRect(0, 0, side * FINE, side * FINE);
    const { scale, x, y } = placed(this.strokes, side, STROKE, this.fit.checked);
    ink(context, this.strokes, { scale: scale * FINE, x: x * FINE, y: y * FINE }, STROKE * FINE, "black");
    return cells(context.getImageData(0, 0, side * FINE, side * FINE).data, side);
  }

  #cursor(context, colour) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(this.cursor.x * SIZE, this.cursor.y * SIZE, this.isDown ? 5 : 9, 0, 2 * Math.PI);
    context.stroke();
  }
}

function grid(context, side, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let line = 1; line < side; line++) {
    const at = Math.round((line * SIZE) / side) + 0.5;
    context.moveTo(at, 0);
    context.lineTo(at, SIZE);
    context.moveTo(0, at);
    context.lineTo(SIZE, at);
  }
  context.stroke();
}

function ink(context, strokes, { scale, x, y }, width, colour) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = colour;
  for (const points of strokes) {
    context.beginPath();
    points.forEach((one, place) => context[place ? "lineTo" : "moveTo"](one.x * scale + x, one.y * scale + y));
    // A line of no length would not be drawn.
    if (points.length === 1) context.lineTo(points[0].x * scale + x + 0.01, points[0].y * scale + y);
    context.stroke();
  }
}

function pixels(context, shares, side, colour) {
  const cell = context.canvas.width / side;
  context.clearRect(0, 0, side * cell, side * cell);
  context.fillStyle = colour;
  shares.forEach((share, place) => {
    context.globalAlpha = share;
    context.fillRect((place % side) * cell, Math.floor(place / side) * cell, cell, cell);
  });
  context.globalAlpha = 1;
}

const context2d = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
