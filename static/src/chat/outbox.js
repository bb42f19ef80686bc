/**
 * What was sent and not yet acknowledged; it is sent again after each reconnect.
 *
 * Kept in the tab's own storage, so that a reload in the wrong second loses nothing. Sending twice is safe: the
 * server stores a message once for each client_id.
 */
export class Outbox {
  #storage;
  #key;
  #letters;

  constructor(storage, threadId) {
    this.#storage = storage;
    this.#key = `outbox:${threadId}`;
    this.#letters = new Map(this.#stored().map((letter) => [letter.client_id, letter]));
  }

  get letters() {
    return [...this.#letters.values()];
  }

  add(letter) {
    this.#letters.set(letter.client_id, letter);
    this.#save();
  }

  settle(clientId) {
    if (this.#letters.delete(clientId)) this.#save();
  }

  #save() {
    // Private windows and full storage refuse: then the message lives as long as the page does.
    try {
      if (this.#letters.size) this.#storage?.setItem(this.#key, JSON.stringify(this.letters));
      else this.#storage?.removeItem(this.#key);
    } catch {
      this.#storage = null;
    }
  }

  #stored() {
    try {
      return JSON.parse(this.#storage?.getItem(this.#key) ?? "[]");
    } catch {
      return [];
    }
  }
}

/** The words of the wire for a letter. */
export function sendFrame({ client_id, content, model }) {
  const send = { type: "message.send", client_id, content };
  return model ? { ...send, model } : send;
}

/** The first frame of every connection: where this tab stands. */
export function helloFrame({ cursor, rev, wantSnapshot }) {
  const hello = { type: "hello", v: 1, cursor, rev };
  return wantSnapshot ? { ...hello, want: "snapshot" } : hello;
}
