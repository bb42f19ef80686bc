/** "Show more chats": older chats below the ones that the page came with. Without JavaScript it is a link to a page that shows them. */
import { NextPage } from "./next_page.js";
import { tabStorage } from "./storage.js";

const FAILED = "The chats could not be loaded. Try again.";

export class MoreThreads {
  #link;
  #next;
  #page;

  /** `page.add(threads)` shows them below, `page.addAgain(threads)` those that the page before this one had shown. */
  constructor(link, page) {
    this.#link = link;
    this.#next = new NextPage(link, document.getElementById("more-threads-note"));
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

  #load(size, show, problem) {
    const asked = new URLSearchParams({ before: this.#link.dataset.cursor, ...(size && { size }) });
    const shown = ({ threads, older_cursor: cursor }) => {
      show(threads);
      this.beginAt(cursor);
    };
    return this.#next.load(`/chat/api/threads/?${asked}`, shown, problem);
  }
}
