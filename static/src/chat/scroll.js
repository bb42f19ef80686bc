/** Follows the answer down until the reader scrolls up; a button leads back. */

const NEAR_PX = 48;

export class Follower {
  #scroller;
  #button;
  #follows = true;
  #place = 0; // scrollTop at the last scroll event

  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The wheel event comes before the first pixel has moved; a repaint must not win that race.
    scroller.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#leave(), { passive: true });
    // Opened details are read from their beginning: the summary stays where it was clicked.
    scroller.addEventListener("click", ({ target }) => target.closest("summary") && (this.#follows = false));
    scroller.addEventListener("toggle", ({ target }) => target.open || this.#settle(), { capture: true });
    button.addEventListener("click", () => this.toLatest({ focus: true }));
    new ResizeObserver(() => this.#follows && this.#toEnd()).observe(scroller);
  }

  /** Wraps a repaint: a reader at the end stays at the end. */
  around(paint) {
    paint();
    if (this.#follows) this.#toEnd();
    else this.#show();
  }

  /** Wraps an insertion above: what the reader sees stays where it is. */
  keeping(anchor, insert) {
    const before = anchor?.getBoundingClientRect().top ?? 0;
    insert();
    if (anchor) this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  /** Wraps a change anywhere: the visible messages stay in place, and a reader at the end stays at the end. */
  steady(paint) {
    if (this.#follows) return this.around(paint);
    const { top } = this.#scroller.getBoundingClientRect();
    const articles = [...this.#scroller.querySelectorAll("article")];
    this.keeping(articles.find((article) => article.getBoundingClientRect().bottom > top), paint);
  }

  toLatest({ focus = false } = {}) {
    this.#follows = true;
    this.#toEnd();
    if (focus) this.#scroller.focus({ preventScroll: true });
  }

  /** Only a reader who goes down to the end is followed again: the scroll event of a repaint may come after they left. */
  #scrolled() {
    const { scrollTop } = this.#scroller;
    const isNear = this.#distance() <= NEAR_PX;
    if (!isNear) this.#follows = false;
    else if (scrollTop > this.#place) this.#follows = true;
    this.#place = scrollTop;
    this.#show();
  }

  #settle() {
    this.#follows = this.#distance() <= NEAR_PX;
    this.#show();
  }

  #leave() {
    if (this.#scroller.scrollHeight > this.#scroller.clientHeight) this.#follows = false;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#place = this.#scroller.scrollTop;
    this.#show();
  }

  #distance() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  #show() {
    this.#button.hidden = this.#follows || this.#distance() <= NEAR_PX;
  }
}
