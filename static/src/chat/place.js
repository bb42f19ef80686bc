/** The reader's place in a thread: kept over a reload and over going back and forward, or the message that a search led to. */

const RETURNS = new Set(["reload", "back_forward"]);
const BELOW_EDGE_PX = 16; // as much as the styles leave above the target of an address

/** The place of the message that a search led to, if it did. */
export function foundPlace({ at: id }) {
  return id && { id, top: BELOW_EDGE_PX, hasRoom: false, isFound: true };
}

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
    return RETURNS.has(navigation?.type) ? this.kept : null;
  }

  get kept() {
    return this.#tab.read(this.#key);
  }

  /** `null` means the end. */
  write(place) {
    this.#tab.write(this.#key, place);
  }
}
