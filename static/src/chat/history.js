/** "Load older messages": they are added above, and what the reader sees does not move. */
import { NextPage } from "./next_page.js";

const FAILED = "The messages could not be loaded. Try again.";

export class HistoryLoader {
  #button;
  #next;
  #url;
  #page;

  /** `page.add(messages, beginAt)` puts them on the page, and calls `beginAt` meanwhile; `page.signal` ends the loading. */
  constructor(root, page) {
    this.#button = root.querySelector("#load-older");
    this.#next = new NextPage(this.#button, root.querySelector("#load-older-note"));
    this.#url = root.dataset.url;
    this.#page = page;
    this.#button.addEventListener("click", () => this.#load(), { signal: page.signal });
  }

  /** Where the next older messages begin, if there are any. */
  beginAt({ has_older: hasOlder, older_cursor: cursor }) {
    this.#button.dataset.cursor = cursor ?? "";
    this.#button.hidden = !hasOlder;
  }

  /** Where they begin now. */
  get beginning() {
    return { has_older: !this.#button.hidden, older_cursor: this.#button.dataset.cursor };
  }

  #load() {
    const address = `${this.#url}?before=${encodeURIComponent(this.#button.dataset.cursor)}`;
    return this.#next.load(address, (page) => this.#shown(page), FAILED, this.#page.signal);
  }

  #shown({ messages, has_older: hasOlder, older_cursor: cursor }) {
    const isFocused = document.activeElement === this.#button;
    const article = document.querySelector("#chat-messages > article");
    this.#page.add(messages, () => this.beginAt({ has_older: hasOlder, older_cursor: cursor }));
    if (isFocused) focusOn(article);
  }
}

/** The button is far above now, or gone: the focus goes to the message that the reader saw. */
function focusOn(article) {
  article?.setAttribute("tabindex", "-1");
  article?.focus({ preventScroll: true });
}
