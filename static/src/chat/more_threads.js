/** Older chats below the ones that the page came with: when the end is near, or all of them. Without JavaScript two links lead to them. */
import { NextPage } from "./next_page.js";
import { isBeyond } from "./thread_order.js";

const FAILED = "The chats could not be loaded. Try again.";
const NEAR_PX = 400;
const MOST = 500; // of one request

export class MoreThreads {
  #link;
  #next;
  #page;
  #nearness;
  #loading = null;
  #awaited = null;
  #hasFailed = false;

  /**
   * `page.add(threads)` shows them and returns the first row that is new, `page.addAgain` adds those that the page before this one had
   * shown, `page.isBeyond(cursor)` tells whether the list ends further down, and `page.announce(text)` speaks.
   */
  constructor(scroller, page) {
    this.#link = document.getElementById("more-threads");
    this.#next = new NextPage(this.#link, document.getElementById("more-threads-note"));
    this.#page = page;
    this.#link.addEventListener("click", (event) => isPlain(event) && this.#asked(event, 0));
    document.getElementById("all-threads")?.addEventListener("click", (event) => isPlain(event) && this.#asked(event, MOST));
    this.#nearness = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.#near(), {
      root: scroller,
      rootMargin: `${NEAR_PX}px 0px`,
    });
    this.#nearness.observe(this.#link);
  }

  /** Where the next chats begin; "" if there are none. */
  beginAt(cursor) {
    this.#link.dataset.cursor = cursor;
    this.#link.hidden = !cursor;
  }

  /** A list that was longer on the previous page grows again, once. */
  async addAgain(missing) {
    if (missing > 0 && this.#cursor) await this.#load(missing, (threads) => this.#page.addAgain(threads), "");
  }

  /** Whether a row is from further down than the list: it is there only because its chat is shown. */
  endsBefore(row) {
    return Boolean(this.#cursor) && isBeyond(row, this.#cursor);
  }

  get #cursor() {
    return this.#link.dataset.cursor;
  }

  /** Not above the current chat if it is from further down: it would stay in view, and the list grow until it is reached. */
  async #near() {
    if (!this.#cursor || this.#page.isBeyond(this.#cursor)) return;
    await this.#load(0, (threads) => this.#add(threads), FAILED);
    this.#nearness.unobserve(this.#link);
    if (!this.#hasFailed) this.#nearness.observe(this.#link); // it may be near still
  }

  /** The focus goes to the first chat that is new. */
  async #asked(event, size) {
    event.preventDefault();
    const asked = (this.#awaited = { count: 0, first: null });
    do await (this.#loading ?? this.#load(size, (threads) => this.#add(threads), FAILED));
    while (size && this.#cursor && !this.#hasFailed);
    this.#awaited = null;
    asked.first?.querySelector("a").focus({ preventScroll: true });
    if (asked.count) this.#page.announce(asked.count === 1 ? "1 more chat loaded" : `${asked.count.toLocaleString("en")} more chats loaded`);
  }

  #add(threads) {
    const first = this.#page.add(threads);
    if (!this.#awaited) return;
    this.#awaited.first ??= first;
    this.#awaited.count += threads.length;
  }

  async #load(size, show, problem) {
    const asked = new URLSearchParams({ before: this.#cursor, ...(size && { size }) });
    const shown = ({ threads, older_cursor: cursor }) => {
      show(threads);
      this.beginAt(cursor);
    };
    this.#loading = this.#next.load(`/chat/api/threads/?${asked}`, shown, problem);
    this.#hasFailed = !(await this.#loading);
    this.#loading = null;
  }
}

/** Not with a key that opens another tab or window. */
function isPlain({ ctrlKey, metaKey, shiftKey }) {
  return !ctrlKey && !metaKey && !shiftKey;
}
