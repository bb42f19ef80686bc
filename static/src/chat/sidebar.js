/** The list of chats: follows what happens in any tab, newest first. */

export class Sidebar {
  #list;
  #template;

  constructor(list, template) {
    this.#list = list;
    this.#template = template;
  }

  /** What a chat without a title is called. */
  get untitled() {
    return this.#template.content.querySelector(".thread-title").textContent;
  }

  /** `{thread_id, title, last_message_at, running, rev}`; a missing field stays as it is, a late update is dropped. */
  update({ thread_id: id, title, last_message_at: lastMessageAt, running, rev }) {
    const row = this.#row(id) ?? (lastMessageAt ? this.#newRow(id) : null);
    if (!row || (rev && rev < Number(row.dataset.rev))) return;
    if (rev) row.dataset.rev = rev;
    if (title !== undefined) row.querySelector(".thread-title").textContent = title || this.untitled;
    if (running !== undefined) row.querySelector(".thread-running").hidden = !running;
    if (lastMessageAt) this.#place(row, lastMessageAt);
    this.#showEmpty();
  }

  remove(id) {
    this.#row(id)?.remove();
    this.#showEmpty();
  }

  /** Moves a row only when its place changes, and keeps the focus in it. */
  #place(row, lastMessageAt) {
    row.dataset.lastMessageAt = lastMessageAt;
    const time = Date.parse(lastMessageAt);
    const others = [...this.#list.children].filter((other) => other !== row);
    const below = others.find((other) => !(Date.parse(other.dataset.lastMessageAt) > time)) ?? null;
    if (row.parentNode === this.#list && row.nextElementSibling === below) return;
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    this.#list.insertBefore(row, below);
    focused?.focus({ preventScroll: true });
  }

  #row(id) {
    return this.#list.querySelector(`[data-thread-id="${CSS.escape(id)}"]`);
  }

  #newRow(id) {
    const row = this.#template.content.firstElementChild.cloneNode(true);
    row.dataset.threadId = id;
    row.querySelector("a").href = `/chat/${encodeURIComponent(id)}/`;
    return row;
  }

  #showEmpty() {
    const empty = document.getElementById("thread-list-empty");
    if (empty) empty.hidden = this.#list.children.length > 0;
  }
}
