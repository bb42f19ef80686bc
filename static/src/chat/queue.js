/** The messages that wait for an answer, above the message field. Loaded with the first of them. */

const OF_BUTTONS = { now: "queue.send_now", remove: "queue.remove" };

export class QueueList {
  #root;
  #list;
  #page;
  #shown = null;

  /** `page`: `send(frame)`, `announce(text)`, `say(sentence)`, `putBack(text, sentence)` into the message field, and `isUp()`. */
  constructor(root, page) {
    this.#root = root;
    this.#list = root.querySelector("ol");
    this.#page = page;
    root.addEventListener("submit", (event) => this.#submitted(event));
  }

  /** `sending`: messages that are on their way here. */
  show({ paused, items }, sending) {
    const known = new Set(items.map((item) => item.client_id));
    const all = [...items, ...sending.filter((message) => !known.has(message.client_id))];
    this.#tell(paused, items);
    this.#root.hidden = !all.length;
    this.#root.querySelector("form").hidden = !paused;
    const place = this.#root.querySelector(".queue-paused");
    if (place.textContent !== paused) place.textContent = paused;
    this.#paint(all, known);
  }

  /** The last one goes back into the message field. */
  takeLast() {
    const last = this.#list.lastElementChild;
    if (last && !last.ariaBusy) this.#take(last);
  }

  #paint(all, known) {
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.clientId, row]));
    const wanted = all.map(({ client_id: id, content }) => {
      const row = rows.get(id) ?? this.#newRow(id, content);
      row.ariaBusy = known.has(id) ? null : "true"; // without an answer to it, nothing can be done with it
      return row;
    });
    for (const row of rows.values()) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, index) => this.#list.children[index] === row || this.#list.insertBefore(row, this.#list.children[index] ?? null));
  }

  #newRow(id, content) {
    const row = document.getElementById("queue-template").content.firstElementChild.cloneNode(true);
    row.dataset.clientId = id;
    row.querySelector("input").value = id;
    row.querySelector("p").textContent = content;
    return row;
  }

  #tell(paused, items) {
    const before = this.#shown;
    this.#shown = { paused, count: items.length };
    if (!before) return;
    if (paused && paused !== before.paused) this.#page.announce(paused);
    else if (items.length > before.count) this.#page.announce(`Queued, ${items.length} waiting`);
  }

  #submitted(event) {
    event.preventDefault();
    const row = event.target.closest("li");
    if (row?.ariaBusy) return;
    const { name } = event.submitter;
    if (name === "edit") this.#take(row);
    else this.#send(row ? OF_BUTTONS[name] : "queue.resume", row?.dataset.clientId);
  }

  /** The text is in the field before the server answers: if the message was sent just now, or the connection is lost, it stays there. */
  #take(row) {
    if (this.#send("queue.take", row.dataset.clientId)) this.#page.putBack(row.querySelector("p").textContent, "");
  }

  #send(type, id) {
    if (this.#page.isUp()) this.#page.send(id ? { type, client_id: id } : { type });
    else this.#page.say("Not connected. Try again when the connection is back.");
    return this.#page.isUp();
  }
}
