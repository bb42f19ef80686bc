/** "Load older messages": they are added above, and what the reader sees does not move. */

export class HistoryLoader {
  #button;
  #note;
  #url;
  #page;

  /** `page.add(messages, beginAt)` puts them on the page, and calls `beginAt` meanwhile. */
  constructor(root, page) {
    this.#button = root.querySelector("#load-older");
    this.#note = root.querySelector("#load-older-note");
    this.#url = root.dataset.url;
    this.#page = page;
    this.#button.addEventListener("click", () => this.#load());
  }

  /** Where the next older messages begin, if there are any. */
  beginAt({ has_older: hasOlder, older_cursor: cursor }) {
    this.#button.dataset.cursor = cursor ?? "";
    this.#button.hidden = !hasOlder;
  }

  async #load() {
    if (this.#button.getAttribute("aria-busy") === "true") return;
    this.#button.setAttribute("aria-busy", "true");
    this.#say("");
    try {
      this.#shown(await this.#fetched());
    } catch {
      this.#say("The messages could not be loaded. Try again.");
    } finally {
      this.#button.removeAttribute("aria-busy");
    }
  }

  async #fetched() {
    const address = `${this.#url}?before=${encodeURIComponent(this.#button.dataset.cursor)}`;
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  }

  #shown({ messages, has_older: hasOlder, older_cursor: cursor }) {
    const isFocused = document.activeElement === this.#button;
    const article = document.querySelector("#chat-messages > article");
    this.#page.add(messages, () => this.beginAt({ has_older: hasOlder, older_cursor: cursor }));
    if (isFocused) focusOn(article);
  }

  #say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }
}

/** The button is far above now, or gone: the focus goes to the message that the reader saw. */
function focusOn(article) {
  article?.setAttribute("tabindex", "-1");
  article?.focus({ preventScroll: true });
}
