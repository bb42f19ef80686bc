/** The state of the connection: a dot, a spinner or a sentence; announced politely and rarely. */

const WORDS = {
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
  disconnected: "Disconnected",
};

// Don't announce a reconnect this quick.
const SHOW_AFTER_MS = 600;

export class Status {
  #root;
  #text;
  #retry;
  #live;
  #timer;
  #announce;

  constructor(root, live, { announce, onRetry }) {
    this.#root = root;
    this.#text = root.querySelector(".status-text");
    this.#retry = root.querySelector("#retry-now");
    this.#live = live;
    this.#announce = announce;
    this.#retry.addEventListener("click", onRetry);
  }

  show({ phase }) {
    if (phase !== "connected") this.#putLive(true); // the next server sends `live` if updates are off
    window.clearTimeout(this.#timer);
    const isBrief = phase === "reconnecting" && this.#root.dataset.phase === "connected";
    if (isBrief) this.#timer = window.setTimeout(() => this.#put(phase), SHOW_AFTER_MS);
    else this.#put(phase);
  }

  get isLive() {
    return this.#live.hidden;
  }

  /** Off while Redis or the database is unavailable: stored text still arrives, with a delay. */
  showLive(isOn) {
    this.#putLive(isOn);
    this.#announce(isOn ? "Live updates resumed" : this.#live.textContent);
  }

  /** The connection ended permanently; the notice on the page explains why. */
  end() {
    window.clearTimeout(this.#timer);
    this.#put("disconnected");
    this.#retry.hidden = true;
  }

  #putLive(isOn) {
    this.#live.hidden = isOn;
    this.#root.toggleAttribute("data-delayed", !isOn);
  }

  #put(phase) {
    const before = this.#root.dataset.phase;
    if (before === phase) return;
    this.#root.dataset.phase = phase;
    this.#text.textContent = WORDS[phase];
    this.#retry.hidden = phase !== "disconnected";
    if (phase === "disconnected" || (phase === "connected" && before !== "connecting")) this.#announce(WORDS[phase]);
  }
}
