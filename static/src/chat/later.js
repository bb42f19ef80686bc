/** Parts of the page that are loaded when they are first needed: a first visit does without them. */

const part = (id) => document.getElementById(id);

export class Later {
  #page;
  #queue; // a promise of the list

  /** `page`: what the parts need of thread.js. */
  constructor(page) {
    this.#page = page;
  }

  /** Without the file, which a newer release may have removed, the browser does what it does without JavaScript. */
  async act(message, button) {
    const versions = await import("./versions.js").catch(() => null);
    if (versions) return versions.act(this.#page, message, button);
    if (button.href) window.location.assign(button.href);
    else button.form.requestSubmit(button);
  }

  /** `begun`: the text of an editor that was closed, and why it opens again. */
  async edit(message, begun) {
    const editor = await import("./editor.js").catch(() => null);
    if (editor) editor.edit(this.#page, message, this.#page.articleOf(message.id), begun);
    else window.location.assign(`?edit=${message.id}#message`);
  }

  /** Most chats have no queue. */
  async showQueue({ queue, messages }) {
    const sending = messages.filter(({ pending, waits }) => pending && waits);
    if (!this.#queue && !queue.items.length && !sending.length) return;
    this.#queue ??= import("./queue.js").then(({ QueueList }) => new QueueList(part("queue"), this.#page));
    (await this.#queue).show(queue, sending);
  }

  /** The last waiting message goes back into the field. False if there is none. */
  takeLast({ queue }) {
    this.#queue?.then((list) => list.takeLast());
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
