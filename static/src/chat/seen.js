/** Tells the server that the reader has seen the end of an answer, as long as the list of chats says that it is unread. */

const AGAIN_MS = 5_000; // a frame may be lost with the connection

export class Seen {
  #page;
  #at = -AGAIN_MS;

  /** `page`: `signal`, `scroller`, `isUnread()`, `last()` (an article, if it is an answer that is over) and `see(id)`. */
  constructor(page) {
    this.#page = page;
    const { signal, scroller } = page;
    scroller.addEventListener("scroll", () => this.check(), { signal, passive: true });
    document.addEventListener("visibilitychange", () => this.check(), { signal });
  }

  check() {
    const { scroller, isUnread, last, see } = this.#page;
    if (document.hidden || !isUnread() || performance.now() - this.#at < AGAIN_MS) return;
    const article = last();
    const end = article?.querySelector(".markdown-content").getBoundingClientRect().bottom;
    if (!(end <= scroller.getBoundingClientRect().bottom)) return;
    this.#at = performance.now();
    see(article.dataset.messageId);
  }
}
