/** What Enter does in the message field: it sends, or starts a new line where a screen is the only keyboard. */

// A stylus or a trackpad comes with a keyboard more often than not; `hover` is no sign, some phones claim to have it.
const touch = window.matchMedia("(pointer: coarse)");
const fine = window.matchMedia("(any-pointer: fine)");

export class EnterKey {
  #field;
  #choice;

  /** `choice` is the user's: "auto", "send" or "newline". */
  constructor(field, choice, signal) {
    this.#field = field;
    this.choose(choice);
    // A keyboard is attached to a tablet, or detached.
    for (const media of [touch, fine]) media.addEventListener("change", () => this.#label(), { signal });
  }

  choose(choice) {
    this.#choice = choice;
    this.#label();
  }

  /** Whether this press sends. Enter also ends a word in Japanese, Chinese and Korean input; Safari then reports keyCode 229. */
  sends({ key, shiftKey, ctrlKey, metaKey, isComposing, keyCode }) {
    if (key !== "Enter" || isComposing || keyCode === 229) return false;
    return ctrlKey || metaKey || (!shiftKey && this.#isForSending);
  }

  get #isForSending() {
    if (this.#choice === "auto") return !touch.matches || fine.matches;
    return this.#choice === "send";
  }

  /** The word on a phone's key. */
  #label() {
    this.#field.enterKeyHint = this.#isForSending ? "send" : "enter";
  }
}
