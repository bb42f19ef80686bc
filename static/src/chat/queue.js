/** The messages that wait for an answer, above the message field. Loaded with the first of them. */

const OF_BUTTONS = { now: "queue.send_now", remove: "queue.remove" };

export class QueueList {
  #root;
  #list;
  #page;
  #shown = null;
  #takes = []; // asked for and not answered yet: {id, text}
  #isRemoving = false;
  #first = null; // what Resume or Send now sends next: the reader follows it

  /**
   * `page`: `send(frame)`, `announce(text)`, `say(sentence)`, `putBack(text, sentence)` into the message field, `isUp()`, and `signal`,
   * which ends all of it.
   */
  constructor(root, page) {
    this.#root = root;
    this.#list = root.querySelector("ol");
    this.#page = page;
    root.addEventListener("submit", (event) => this.#submitted(event), { signal: page.signal });
  }

  /** `sending`: messages that are on their way here. */
  show({ paused, items }, sending) {
    const known = new Set(items.map((item) => item.client_id));
    const all = [...items, ...sending.filter((message) => !known.has(message.client_id))];
    this.#tell(paused, items);
    this.#follow(known);
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

  /** Another tab has the text of a message that was lost to it. After a lost connection no one may have it: then it stays. */
  hear({ type, code, client_id: id }) {
    if (type === "queue.taken") this.#takes = this.#takes.filter((take) => take.id !== id);
    if (type === "error" && code === "too_late" && this.#takes.length) takeOut(this.#takes.shift().text);
  }

  #follow(known) {
    if (!this.#first || known.has(this.#first)) return;
    this.#first = null;
    this.#page.toQuestion();
  }

  #paint(all, known) {
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.clientId, row]));
    const wanted = all.map(({ client_id: id, content }) => {
      const row = rows.get(id) ?? this.#newRow(id, content);
      row.ariaBusy = known.has(id) ? null : "true"; // without an answer to it, nothing can be done with it
      return row;
    });
    for (const row of rows.values()) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, index) => row.querySelectorAll("button").forEach((button) => number(button, `${index + 1} of ${wanted.length}`)));
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
    else if (items.length > before.count) this.#page.announce(`Added to queue. ${items.length} waiting`);
    else if (items.length < before.count && this.#isRemoving) this.#page.announce(`Removed. ${items.length} waiting`);
    if (items.length < before.count) this.#isRemoving = false;
  }

  #submitted(event) {
    event.preventDefault();
    const row = event.target.closest("li");
    if (row?.ariaBusy) return;
    const { name } = event.submitter;
    if (name === "edit") return this.#take(row);
    this.#takes = [];
    if (!this.#send(row ? OF_BUTTONS[name] : "queue.resume", row?.dataset.clientId)) return;
    if (name === "remove") this.#leave(row);
    else this.#first = (row ?? this.#list.firstElementChild)?.dataset.clientId;
  }

  /** The focus must not go with the row. */
  #leave(row) {
    this.#isRemoving = true;
    const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("[name=remove]");
    if (next) next.focus();
    else this.#page.keepFocus();
  }

  /** The text is in the field before the server answers: if the connection is lost, it stays there. */
  #take(row) {
    const { clientId: id } = row.dataset;
    const text = row.querySelector("p").textContent;
    if (!this.#send("queue.take", id)) return;
    this.#takes.push({ id, text });
    this.#page.putBack(text, "");
  }

  #send(type, id) {
    if (document.getElementById("cancel-sending").hidden) this.#page.say(""); // otherwise it is about a wait that Cancel ends
    if (this.#page.isUp()) this.#page.send(id ? { type, client_id: id } : { type });
    else this.#page.say("Not connected. Try again when the connection is back.");
    return this.#page.isUp();
  }
}

/** Screen readers tell equal buttons apart. */
function number(button, place) {
  const label = `${button.ariaLabel.split(", ")[0]}, ${place}`;
  if (button.ariaLabel !== label) button.ariaLabel = label;
}

/** Out of the message field, if it is still there as it was put into it; what was typed beside it stays. */
function takeOut(text) {
  const field = document.getElementById("message");
  if (field.value.startsWith(text)) field.value = field.value.slice(text.length).replace(/^\n\n/, "");
  else if (field.value.endsWith(`\n\n${text}`)) field.value = field.value.slice(0, -text.length - 2);
  field.dispatchEvent(new Event("input"));
}
