/** Tells the server that the reader has seen the end of an answer, as long as its chat is unread. */

const AGAIN_MS = 5_000; // a frame may be lost with the connection

export class Seen {
  #page;
  #said = ""; // the id of the answer, for some seconds
  #timer;

  /** `page`: `signal`, `scroller`, `unread()` (the id of the answer, if it is over) and `see(id)`. */
  constructor(page) {
    this.#page = page;
    const { signal, scroller } = page;
    scroller.addEventListener("scroll", () => this.check(), { signal, passive: true });
    document.addEventListener("visibilitychange", () => this.check(), { signal });
  }

  /** After each painting, and whenever something else may be in view. */
  check() {
    const { signal, scroller, unread, see } = this.#page;
    const id = !document.hidden && !signal.aborted && unread();
    if (!id || id === this.#said) return;
    const article = document.getElementById(`m-${id}`);
    if (!article || article.dataset.status === "streaming") return; // it is painted soon
    const end = article.querySelector(".markdown-content").getBoundingClientRect().bottom;
    if (end > scroller.getBoundingClientRect().bottom) return;
    this.#said = id;
    see(id);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.#said = "";
      this.check();
    }, AGAIN_MS);
  }
}
