/**
 * Pending messages: sent and not yet acknowledged. They are sent again after each reconnect.
 *
 * They are kept in the tab's own storage, so that a reload loses nothing. Sending twice is safe: the server stores a
 * message once per client_id.
 */
export class Outbox {
  #storage;
  #key;
  #messages;

  constructor(storage, threadId) {
    this.#storage = storage;
    this.#key = `outbox:${threadId}`;
    this.#messages = new Map(this.#stored().map((message) => [message.client_id, message]));
  }

  get messages() {
    return [...this.#messages.values()];
  }

  add(message) {
    this.#messages.set(message.client_id, message);
    this.#save();
  }

  settle(clientId) {
    if (this.#messages.delete(clientId)) this.#save();
  }

  #save() {
    // Private windows and full storage refuse: then messages last only until the page closes.
    try {
      if (this.#messages.size) this.#storage?.setItem(this.#key, JSON.stringify(this.messages));
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

/** The frame that sends a pending message. */
export function sendFrame({ client_id, content, model }) {
  const send = { type: "message.send", client_id, content };
  return model ? { ...send, model } : send;
}

/** The first frame of every connection: how far this tab has got. */
export function helloFrame({ cursor, rev, wantSnapshot }) {
  const hello = { type: "hello", v: 1, cursor, rev };
  return wantSnapshot ? { ...hello, want: "snapshot" } : hello;
}
