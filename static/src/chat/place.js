/** The reader's place in a thread, kept over a reload and over going back and forward. */

const RETURNS = new Set(["reload", "back_forward"]);

export class Place {
  #tab;
  #key;

  constructor(tab, threadId) {
    this.#tab = tab;
    this.#key = `place:${threadId}`;
  }

  /** {id, top, hasRoom}: where the message with this id was; null for the end, or if the page was opened by a link. */
  read() {
    const [navigation] = performance.getEntriesByType("navigation");
    return RETURNS.has(navigation?.type) ? this.#tab.read(this.#key) : null;
  }

  /** `null` means the end. */
  write(place) {
    this.#tab.write(this.#key, place);
  }
}
