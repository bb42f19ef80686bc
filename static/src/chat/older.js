/** "Load more messages": the older ones come in above, and what the reader looks at does not move. */

export class Older {
  #button;
  #note;
  #url;
  #outside;

  /** `outside.add(messages)` puts them on the page. */
  constructor(root, outside) {
    this.#button = root.querySelector("#load-older");
    this.#note = root.querySelector("#load-older-note");
    this.#url = root.dataset.url;
    this.#outside = outside;
    this.#button.addEventListener("click", () => this.#load());
  }

  /** Where the messages begin that are not on the page yet, if there are any. */
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
    this.#outside.add(messages);
    this.beginAt({ has_older: hasOlder, older_cursor: cursor });
  }

  #say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }
}
