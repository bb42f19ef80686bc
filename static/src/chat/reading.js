/** Takes the focus to messages, so that keyboard and screen reader read on from there. */

export class Reading {
  #root;
  #scroller;

  constructor(root, scroller) {
    this.#root = root;
    this.#scroller = scroller;
  }

  toAnswer() {
    this.#show([...this.#root.querySelectorAll('article[data-role="assistant"]')].at(-1));
  }

  /** From the message that has the focus to the one before; from elsewhere to the last one. */
  toPrevious() {
    const here = document.activeElement.closest("article");
    this.#show(here ? (here.previousElementSibling ?? here) : this.#root.lastElementChild);
  }

  /** Long messages are read from their beginning. */
  #show(article) {
    if (!article) return this.#scroller.focus();
    article.tabIndex = -1;
    article.focus({ preventScroll: true });
    const isLong = article.offsetHeight > this.#scroller.clientHeight;
    article.scrollIntoView({ block: isLong ? "start" : "nearest" });
  }
}
