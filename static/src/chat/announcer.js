/** What screen readers are told: one polite live region, in which a message never cuts off the one before it. */

// A message stays this long, and the next one follows a moment later. A region that was not empty in between would not announce an
// equal message again.
const SHOWN_MS = 1_000;
const EMPTY_MS = 100;

const browser = {
  setTimeout: (...args) => window.setTimeout(...args),
};

export class Announcer {
  #region;
  #env;
  #next = "";
  #isBusy = false;

  constructor(region, env = browser) {
    this.#region = region;
    this.#env = env;
  }

  /** Of several messages within a second only the last is announced: past states need no words. */
  say(text) {
    this.#next = text;
    if (text && !this.#isBusy) this.#put();
  }

  #put() {
    this.#isBusy = true;
    this.#region.textContent = this.#next;
    this.#next = "";
    this.#env.setTimeout(() => this.#clear(), SHOWN_MS);
  }

  #clear() {
    this.#region.textContent = "";
    this.#env.setTimeout(() => this.#rest(), EMPTY_MS);
  }

  #rest() {
    this.#isBusy = false;
    if (this.#next) this.#put();
  }
}
