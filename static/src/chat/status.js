/** How the connection is: a dot, a spinner or a sentence; and what is said aloud, politely and rarely. */

const WORDS = {
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
  disconnected: "Disconnected",
};

// A connection that is back at once is not worth a word.
const PATIENCE_MS = 600;

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
    if (phase !== "connected") this.#putLive(true); // the next server says so itself if it has to
    window.clearTimeout(this.#timer);
    const calm = phase === "reconnecting" && this.#root.dataset.phase === "connected";
    if (calm) this.#timer = window.setTimeout(() => this.#put(phase), PATIENCE_MS);
    else this.#put(phase);
  }

  /** Redis or the database is away: what is stored still comes, later. */
  showLive(isOn) {
    this.#putLive(isOn);
    this.#announce(isOn ? "Live updates are back" : this.#live.textContent);
  }

  /** The connection is over for good, for the reason that the notice on the page gives. */
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
