// Asks while values change: one request under way, then the newest; an answer that was overtaken is not shown.

// A request that takes longer is given up when a newer one is there: the backend is slow, or was away.
const PATIENCE = 400;

export class Asker {
  /**
   * @param ask (input, signal) -> a promise of the answer
   * @param shown (answer, input, milliseconds)
   * @param failed (problem, input)
   */
  constructor(ask, shown, failed) {
    Object.assign(this, { ask, shown, failed });
    this.number = this.settled = 0;
    this.waiting = null;
    this.timer = 0;
    this.under = null;
  }

  /** The newest input; asked at once, or after a pause in which no newer one comes. */
  change(input, pause = 0) {
    this.waiting = { input };
    clearTimeout(this.timer);
    this.timer = pause ? setTimeout(() => this.#fire(), pause) : 0;
    if (!pause) this.#next();
  }

  /** Nothing is wanted any more. */
  stop() {
    clearTimeout(this.timer);
    this.waiting = null;
    this.settled = Infinity;
    this.under?.controller.abort();
  }

  #fire() {
    this.timer = 0;
    this.#next();
  }

  #next() {
    if (!this.waiting || this.timer) return;
    if (this.under && performance.now() - this.under.began < PATIENCE) return;
    this.under?.controller.abort();
    const { input } = this.waiting;
    const under = { number: ++this.number, began: performance.now(), controller: new AbortController() };
    this.waiting = null;
    this.under = under;
    this.ask(input, under.controller.signal)
      .then(
        (answer) => this.#settle(under, () => this.shown(answer, input, performance.now() - under.began)),
        (problem) => problem.name !== "AbortError" && this.#settle(under, () => this.failed(problem, input)),
      )
      .finally(() => {
        if (this.under === under) this.under = null;
        this.#next();
      });
  }

  /** Show an outcome unless that of a later request is shown already. */
  #settle(under, show) {
    if (under.number < this.settled) return;
    this.settled = under.number;
    show();
  }
}
