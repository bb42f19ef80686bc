/** The list of chats: follows what happens in any tab, the pinned ones first, then the newest. */
import { startListTools } from "./list_tools.js";
import { MoreThreads } from "./more_threads.js";
import { indexFor, isBefore, isBeyond, isInOrder, placeOf, placeOfRow } from "./thread_order.js";

export class Sidebar {
  #first = globalThis.firstPaint;
  #list;
  #scroller;
  #template;
  #rows; // by the chat's id
  #gone = new Map(); // the revs of chats that were archived or deleted
  #more;
  #currentId;

  constructor({ announce }) {
    this.#list = document.getElementById("thread-list");
    this.#scroller = document.getElementById("thread-scroll");
    this.#template = document.getElementById("thread-template");
    const rows = [...this.#list.querySelectorAll("[data-thread-id]")];
    this.#rows = new Map(rows.map((row) => [row.dataset.threadId, row]));
    this.#currentId = rows.find(isCurrent)?.dataset.threadId;
    this.#followDays();
    this.#followPage();
    this.#more = new MoreThreads(this.#scroller, {
      announce,
      isBeyond: (cursor) => this.#rows.size > 0 && isBeyond(this.#last(), cursor),
      add: (threads) => this.#add(threads),
      addAgain: (threads) => this.#keepingCurrent(() => this.#add(threads)),
    });
    rows.forEach((row) => this.#complete(row));
    startListTools({ sidebar: this, announce });
    this.#more.addAgain((this.#first.readPlace().count ?? 0) - rows.length);
  }

  /** What a chat without a title is called. */
  get untitled() {
    return this.#template.content.querySelector(".thread-title").textContent;
  }

  /** The chat that the page shows; "": a new one. */
  get currentId() {
    return this.#currentId ?? "";
  }

  /** The page shows this chat from now on; "": a new one. */
  current(id) {
    const left = this.#currentId;
    this.#currentId = id;
    if (left !== id && this.#rows.has(left) && this.#more.endsBefore(this.#rows.get(left))) this.#drop(left);
    for (const link of document.querySelectorAll("#chat-sidebar [aria-current]")) link.removeAttribute("aria-current");
    const link = id ? this.#rows.get(id)?.querySelector("a") : document.getElementById("new-chat");
    link?.setAttribute("aria-current", "page");
    this.#first.showCurrent(this.#scroller);
    const drawer = document.getElementById("chat-sidebar");
    if (drawer.matches(":popover-open")) drawer.hidePopover();
  }

  /**
   * A missing field, or null from an older server, stays as it is; a late update is dropped. A chat that left the list comes back only
   * if a later update says that it is in the list.
   */
  update({ thread_id: id, title, last_message_at: lastMessageAt, running, pinned, unread, archived, rev = 0 }) {
    if (this.#gone.has(id) && (archived !== false || rev <= this.#gone.get(id))) return;
    if (rev && rev < Number(this.#rows.get(id)?.dataset.rev)) return;
    if (archived) return this.remove({ thread_id: id, rev });
    this.#gone.delete(id);
    const row = this.#rows.get(id) ?? (lastMessageAt ? this.#newRow(id) : null);
    if (!row) return;
    if (rev) row.dataset.rev = rev;
    if (title !== undefined) this.#name(row, title);
    if (running !== undefined) row.querySelector(".thread-running").hidden = !running;
    if (typeof unread === "boolean") row.querySelector(".thread-unread").hidden = !unread;
    if (typeof pinned === "boolean") row.toggleAttribute("data-pinned", pinned);
    if (lastMessageAt) row.dataset.lastMessageAt = lastMessageAt;
    if (lastMessageAt || typeof pinned === "boolean") this.#place(row);
  }

  remove({ thread_id: id, rev = 0 }) {
    this.#gone.set(id, Math.max(rev, this.#gone.get(id) ?? 0));
    this.#drop(id);
  }

  /** The newest chats, as the server has them: a row that belongs among them and is not there was deleted meanwhile. */
  renew({ threads, older_cursor: cursor }) {
    const listed = new Set(threads.map((thread) => thread.thread_id));
    const rows = [...this.#rows.values()];
    const end = threads.at(-1) ? placeOf({ ...threads.at(-1), pinned: false }) : null;
    const missing = rows.filter((row) => !listed.has(row.dataset.threadId) && (!cursor || isBefore(placeOfRow(row), end)));
    // Without a common row, chats between the two lists may be missing; all that are pinned are in both.
    const isGap = cursor && !rows.some((row) => listed.has(row.dataset.threadId) && !("pinned" in row.dataset));
    const beyond = isGap ? rows.filter((row) => !listed.has(row.dataset.threadId) && !isCurrent(row)) : [];
    for (const row of [...missing, ...beyond]) this.#drop(row.dataset.threadId);
    this.#add(threads);
    if (isGap) this.#more.beginAt(cursor);
    this.#tidy();
  }

  /** Returns the first of the new rows. */
  #add(threads) {
    const before = this.#rows.size;
    threads.forEach((thread) => this.update(thread));
    return [...this.#rows.values()][before];
  }

  /** The days change at midnight, which a sleeping computer notices later. */
  #followDays() {
    let until = 0;
    const look = () => {
      if (until && Date.now() >= until) this.#first.divide(this.#list);
      until = this.#first.nextMidnight(new Date());
      window.clearTimeout(timer);
      timer = window.setTimeout(look, until - Date.now() + 1);
    };
    let timer;
    look();
    document.addEventListener("visibilitychange", () => document.hidden || look());
  }

  #followPage() {
    document.getElementById("chat-sidebar").addEventListener("toggle", () => this.#first.showCurrent(this.#scroller));
    window.addEventListener("pagehide", () => this.#first.storePlace(this.#scroller, this.#rows.size));
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

  /** Moves a row only when its place changes, and keeps the focus in it. */
  #place(row) {
    const rows = this.#first.listFor(row, this.#list);
    if (row.parentNode === rows && isInOrder(row)) return;
    const focused = row.contains(document.activeElement) && document.activeElement;
    row.remove();
    rows.insertBefore(row, rows.children[indexFor(rows.children, placeOfRow(row))] ?? null);
    if (focused) focused.focus({ preventScroll: true });
    this.#tidy();
  }

  #newRow(id) {
    const row = this.#template.content.firstElementChild.cloneNode(true);
    row.dataset.threadId = id;
    const link = row.querySelector("a");
    link.href = `/chat/${encodeURIComponent(id)}/`;
    if (id === this.#currentId) link.setAttribute("aria-current", "page");
    this.#rows.set(id, row);
    this.#complete(row);
    return row;
  }

  /** A row of the page has only what is needed without JavaScript. */
  #complete(row) {
    const [dot, button] = this.#template.content.querySelectorAll(".thread-unread, button");
    if (!row.querySelector(".thread-unread")) row.querySelector(".thread-running").before(dot.cloneNode(true));
    if (!row.querySelector("button")) row.append(button.cloneNode(true));
    this.#name(row, row.querySelector(".thread-title").textContent);
  }

  #name(row, title) {
    const name = row.querySelector(".thread-title");
    name.textContent = title || this.untitled;
    row.querySelector("button").ariaLabel = `Actions for ${name.textContent}`;
  }

  #drop(id) {
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
    this.#tidy();
  }

  #last() {
    return [...this.#list.querySelectorAll("li")].at(-1);
  }

  #tidy() {
    this.#first.dropEmpty(this.#list);
    const empty = document.getElementById("thread-list-empty");
    if (empty) empty.hidden = this.#rows.size > 0;
  }
}

function isCurrent(row) {
  return Boolean(row.querySelector("[aria-current]"));
}
