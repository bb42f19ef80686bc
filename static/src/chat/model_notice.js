/** The notice above the composer while a model's provider is down, when its answers would fail at once. */

const ANSWERS_AGAIN = "The model can be reached again";
// The server reports unavailable models to a new connection after the state of the chat.
const DOUBT_MS = 3_000;

export class ModelNotice {
  #place;
  #announce;
  #timer;

  constructor(place, announce) {
    this.#place = place;
    this.#announce = announce;
  }

  /** `sentence` is empty when all models answer. */
  show(sentence) {
    window.clearTimeout(this.#timer);
    if (this.#place.textContent === sentence) return;
    this.#place.textContent = sentence;
    this.#place.hidden = !sentence;
    this.#announce(sentence || ANSWERS_AGAIN);
  }

  /** Connected again, perhaps to a process with newer information: a notice that it doesn't repeat is hidden. */
  doubt() {
    window.clearTimeout(this.#timer);
    if (!this.#place.hidden) this.#timer = window.setTimeout(() => this.show(""), DOUBT_MS);
  }
}
