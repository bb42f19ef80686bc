/**
 * Pending messages: sent and not yet acknowledged. They are sent again after each reconnect.
 *
 * They are kept in the browser's storage, so that neither a reload nor a closed tab loses them. Tabs share it, and sending twice
 * is safe: the server stores a message once per client_id.
 */
export class Outbox {
  #storage;
  #key;
  #messages;
  #isKept = true;

  /** `chat` names the user and the thread: no one sends what another user wrote. */
  constructor(storage, chat) {
    this.#storage = storage;
    this.#key = `outbox:${chat}`;
    this.#messages = new Map(Object.entries(this.#stored()));
  }

  get messages() {
    return [...this.#messages.values()];
  }

  /** Whether closing the page would lose a message. */
  get wouldLose() {
    return !this.#isKept && this.#messages.size > 0;
  }

  add(message) {
    this.#messages.set(message.client_id, message);
    this.#isKept = this.#save({ ...this.#stored(), [message.client_id]: message });
  }

  settle(clientId) {
    if (!this.#messages.delete(clientId)) return;
    const { [clientId]: settled, ...others } = this.#stored();
    if (settled) this.#save(others);
  }

  /** Another tab of the thread may have added some. */
  #stored() {
    const stored = this.#storage.read(this.#key);
    return stored && typeof stored === "object" ? stored : {};
  }

  #save(messages) {
    return this.#storage.write(this.#key, Object.keys(messages).length ? messages : null);
  }
}

/** The frame that sends a pending message; what is not set is left out. */
export function sendFrame({ client_id, content, model, edits, head_id, queue }) {
  const set = Object.entries({ model, edits, head_id, queue }).filter(([, value]) => value);
  return { type: "message.send", client_id, content, ...Object.fromEntries(set) };
}

/** The first frame of every connection: how far this tab has got. */
export function helloFrame({ cursor, rev, wantSnapshot }) {
  const hello = { type: "hello", v: 1, cursor, rev };
  return wantSnapshot ? { ...hello, want: "snapshot" } : hello;
}
