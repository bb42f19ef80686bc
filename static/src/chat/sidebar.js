/** The list of chats: follows what happens in any tab, newest first. */
import { MoreThreads } from "./more_threads.js";

export class Sidebar {
  #list;
  #scroller;
  #template;
  #more;
  #announce;
  #gone = new Map(); // the revs of chats that were archived or deleted

  constructor({ announce }) {
    this.#list = document.getElementById("thread-list");
    this.#scroller = document.getElementById("thread-scroll");
    this.#template = document.getElementById("thread-template");
    this.#announce = announce;
    this.#more = new MoreThreads(document.getElementById("more-threads"), {
      add: (threads) => this.#addOlder(threads),
      addAgain: (threads) => this.#keepingCurrent(() => threads.forEach((thread) => this.update(thread))),
    });
    this.#more.addAgain(this.#list.children.length);
  }

  /** What a chat without a title is called. */
  get untitled() {
    return this.#template.content.querySelector(".thread-title").textContent;
  }

  /**
   * `{thread_id, title, last_message_at, running, rev, archived}`; a missing field stays as it is, a late update is dropped. A chat
   * that left the list comes back only if a later update says that it is in the list.
   */
  update({ thread_id: id, title, last_message_at: lastMessageAt, running, rev = 0, archived }) {
    if (this.#gone.has(id) && (archived !== false || rev <= this.#gone.get(id))) return;
    if (archived) return this.remove({ thread_id: id, rev });
    this.#gone.delete(id);
    const row = this.#row(id) ?? (lastMessageAt ? this.#newRow(id) : null);
    if (!row || (rev && rev < Number(row.dataset.rev))) return;
    if (rev) row.dataset.rev = rev;
    if (title !== undefined) row.querySelector(".thread-title").textContent = title || this.untitled;
    if (running !== undefined) row.querySelector(".thread-running").hidden = !running;
    if (lastMessageAt) this.#place(row, lastMessageAt);
    this.#showEmpty();
  }

  remove({ thread_id: id, rev = 0 }) {
    this.#gone.set(id, Math.max(rev, this.#gone.get(id) ?? 0));
    this.#row(id)?.remove();
    this.#showEmpty();
  }

  /** The newest chats, as the server has them: a row that belongs among them and is not there was deleted meanwhile. */
  renew({ threads, older_cursor: cursor }) {
    const listed = new Set(threads.map((thread) => thread.thread_id));
    const rows = [...this.#list.children].filter((row) => !listed.has(row.dataset.threadId));
    const end = threads.at(-1) ? placeOf(threads.at(-1).thread_id, threads.at(-1).last_message_at) : null;
    const isMissing = (row) => !cursor || isBefore(placeOfRow(row), end);
    // Without a common row, chats between the two lists may be missing.
    const isGap = cursor && rows.length === this.#list.children.length;
    rows.filter((row) => isMissing(row) || (isGap && !isCurrent(row))).forEach((row) => row.remove());
    threads.forEach((thread) => this.update(thread));
    if (isGap) this.#more.beginAt(cursor);
    this.#showEmpty();
  }

  #addOlder(threads) {
    threads.forEach((thread) => this.update(thread));
    this.#row(threads[0]?.thread_id)?.querySelector("a").focus({ preventScroll: true });
    this.#announce(threads.length === 1 ? "1 more chat loaded" : `${threads.length} more chats loaded`);
  }

  /** Keeps the current chat in place while rows are added around it. */
  #keepingCurrent(change) {
    const current = this.#list.querySelector("[aria-current]");
    const top = () => current?.getBoundingClientRect().top ?? 0;
    const before = top();
    this.#scroller.style.overflowAnchor = "none"; // or the browser corrects the place as well
    change();
    if (current) this.#scroller.scrollTop += top() - before;
    this.#scroller.style.overflowAnchor = "";
  }

  /** Moves a row only when its place changes, and keeps the focus in it. Older rows are added at the end, so it looks from there. */
  #place(row, lastMessageAt) {
    row.dataset.lastMessageAt = lastMessageAt;
    const place = placeOfRow(row);
    const others = [...this.#list.children].filter((other) => other !== row);
    const above = others.findLast((other) => isBefore(placeOfRow(other), place)) ?? null;
    if (row.parentNode === this.#list && row.previousElementSibling === above) return;
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    if (above) above.after(row);
    else this.#list.prepend(row);
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

function placeOfRow({ dataset: { threadId, lastMessageAt } }) {
  return placeOf(threadId, lastMessageAt);
}

/** Times have microseconds, of which `Date` knows the first three digits. If the times are equal, the greater id comes first. */
function placeOf(id, time) {
  const further = /\.\d{3}(\d{1,3})/.exec(time)?.[1] ?? "";
  return [Date.parse(time) * 1000 + Number(further.padEnd(3, "0")), id];
}

function isBefore([time, id], [otherTime, otherId]) {
  return time === otherTime ? id > otherId : time > otherTime;
}

function isCurrent(row) {
  return Boolean(row.querySelector("[aria-current]"));
}
