/** Parts of the page that are loaded when they are first needed: a first visit does without them. */

const part = (id) => document.getElementById(id);

export class Later {
  #page;
  #queue; // a promise of the list
  hasQueue = false;

  /** `page`: what the parts need of thread.js; after `page.signal` they do nothing. */
  constructor(page) {
    this.#page = page;
  }

  /** Without the file, which a newer release may have removed, the browser does what it does without JavaScript. */
  async act(message, button) {
    const versions = await import("./versions.js").catch(() => null);
    if (this.#page.signal.aborted) return;
    if (versions) return versions.act(this.#page, message, button);
    if (button.href) window.location.assign(button.href);
    else button.form.requestSubmit(button);
  }

  /** `begun`: the text of an editor that was closed, and why it opens again. */
  async edit(message, begun) {
    if (begun) this.#page.draftOf(message.id).write(begun.text); // while the file is loaded, the reader may leave
    const editor = await import("./editor.js").catch(() => null);
    if (this.#page.signal.aborted) return;
    if (editor) editor.edit(this.#page, message, this.#page.articleOf(message.id), begun);
    else window.location.assign(`${this.#page.address}?edit=${message.id}#message`);
  }

  /** Most visits have no queue. Its list is loaded while an answer is being written: the connection may be lost when it is needed. */
  async showQueue({ queue, messages }, isRunning) {
    const sending = messages.filter(({ pending, waits }) => pending && waits);
    if (!this.#queue && !isRunning && !queue.items.length) return;
    this.#queue ??= this.#loadQueue();
    const list = await this.#queue;
    if (!this.#page.signal.aborted) list?.show(queue, sending);
  }

  /** Without the file, waiting messages are shown when the next change has loaded it. */
  async #loadQueue() {
    try {
      const { QueueList } = await import("./queue.js");
      this.hasQueue = true;
      return new QueueList(part("queue"), this.#page);
    } catch {
      this.#queue = undefined;
      return undefined;
    }
  }

  hear(frame) {
    this.#queue?.then((list) => list?.hear(frame));
  }

  /** The last waiting message goes back into the field. False if there is none. */
  takeLast({ queue }) {
    this.#queue?.then((list) => list?.takeLast());
    return queue.items.length > 0;
  }
}

/** The waiting messages that the server rendered. */
export function readQueue() {
  const items = [...part("queue").querySelectorAll("li")];
  const item = (row) => ({ client_id: row.dataset.clientId, content: row.querySelector("p").textContent });
  return { paused: part("queue").querySelector(".queue-paused").textContent, items: items.map(item) };
}

/** Whether closing the page would lose a changed question. */
export function isEditing(root) {
  return [...root.querySelectorAll(".message-editor textarea")].some((field) => field.value !== field.defaultValue);
}
