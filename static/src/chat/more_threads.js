/** "Show more chats": older chats below the ones that the page came with. Without JavaScript it is a link to a page that shows them. */
import { tabStorage } from "./storage.js";

const FAILED = "The chats could not be loaded. Try again.";

export class MoreThreads {
  #link;
  #note;
  #page;

  /** `page.add(threads)` shows them below, `page.addAgain(threads)` those that the page before this one had shown. */
  constructor(link, page) {
    this.#link = link;
    this.#note = document.getElementById("more-threads-note");
    this.#page = page;
    link.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Where the next chats begin; "" if there are none. */
  beginAt(cursor) {
    this.#link.dataset.cursor = cursor;
    this.#link.hidden = !cursor;
  }

  /** A list that was longer on the previous page grows again, once. */
  async addAgain(count) {
    // Stored with the list's scroll position, by the inline script that runs before the first paint.
    const missing = (tabStorage().read("chats")?.count ?? 0) - count;
    if (missing > 0 && !this.#link.hidden) await this.#load(missing, (threads) => this.#page.addAgain(threads), "");
  }

  #clicked(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab or window
    event.preventDefault();
    this.#load(0, (threads) => this.#page.add(threads), FAILED);
  }

  async #load(size, show, problem) {
    if (this.#link.getAttribute("aria-busy") === "true") return;
    this.#link.setAttribute("aria-busy", "true");
    this.#say("");
    try {
      const { threads, older_cursor: cursor } = await this.#fetched(size);
      show(threads);
      this.beginAt(cursor);
    } catch {
      this.#say(problem);
    } finally {
      this.#link.removeAttribute("aria-busy");
    }
  }

  async #fetched(size) {
    const asked = new URLSearchParams({ before: this.#link.dataset.cursor, ...(size && { size }) });
    const response = await fetch(`/chat/api/threads/?${asked}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  }

  #say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }
}
