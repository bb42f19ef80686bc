/** The state of the connection: words, and only once an outage has lasted; announced when they are shown. */

const RECONNECTING = "Reconnecting…";

// Most connections are made, or restored, before the reader would notice.
const SHOWN_AFTER_MS = 4_000;
const DISCONNECTED_AFTER_MS = 12_000;

export class Status {
  #root;
  #text;
  #retry;
  #live;
  #page;
  #timers = [];
  #wasConnected = false;

  /** `page.leave()` takes the focus when the button that has it disappears; `page.signal` ends the waiting. */
  constructor(root, live, page) {
    this.#root = root;
    this.#text = root.querySelector(".status-text");
    this.#retry = root.querySelector("#retry-now");
    this.#live = live;
    this.#page = page;
    this.#retry.addEventListener("click", () => this.#retried(), { signal: page.signal });
    page.signal.addEventListener("abort", () => this.#stopWaiting());
  }

  show({ phase }) {
    this.#root.dataset.phase = phase;
    if (phase === "connected") return this.#connected();
    this.#live.hidden = true; // the next server sends `live` if updates are off
    if (this.#timers.length === 0) this.#wait();
  }

  get isLive() {
    return this.#live.hidden;
  }

  /** Off while Redis or the database is unavailable: stored text still arrives, with a delay. */
  showLive(isOn) {
    this.#live.hidden = isOn;
    this.#page.announce(isOn ? "Live updates resumed" : this.#live.textContent);
  }

  /** The connection ended permanently; the notice on the page explains why. */
  end() {
    this.#root.dataset.phase = "ended";
    this.#quiet();
  }

  #connected() {
    const wasShown = !this.#root.hidden;
    this.#wasConnected = true;
    this.#quiet();
    if (wasShown) this.#page.announce("Connected");
  }

  /** One outage, however many attempts it takes. */
  #wait() {
    this.#retry.hidden = true;
    const words = this.#wasConnected ? RECONNECTING : "Connecting…";
    this.#later(SHOWN_AFTER_MS, () => this.#say(words));
    this.#later(DISCONNECTED_AFTER_MS, () => this.#giveUp());
  }

  #giveUp() {
    this.#retry.hidden = false;
    this.#say("Disconnected");
  }

  /** The button stays, since it has the focus. */
  #retried() {
    this.#stopWaiting();
    this.#say(RECONNECTING);
    this.#later(DISCONNECTED_AFTER_MS, () => this.#giveUp());
    this.#page.onRetry();
  }

  #say(words) {
    this.#root.hidden = false;
    this.#text.textContent = words;
    this.#page.announce(words);
  }

  #quiet() {
    this.#stopWaiting();
    if (this.#root.contains(document.activeElement)) this.#page.leave();
    this.#root.hidden = true;
  }

  #later(ms, action) {
    this.#timers.push(window.setTimeout(action, ms));
  }

  #stopWaiting() {
    this.#timers.splice(0).forEach((timer) => window.clearTimeout(timer));
  }
}
