/** Editing the title in place. Without JavaScript it is a plain form, with its own address. */

const NOT_SAVED = "The title was not saved because you are not connected. Try again.";

export class Rename {
  #details;
  #form;
  #field;
  #page;
  #saving = false;

  /** `page.title()` is the current title; `page.save(address, title)` gives `{title}` as stored, or `{problem}`. */
  constructor(details, page) {
    this.#details = details;
    this.#form = details.querySelector("form");
    this.#field = this.#form.elements.title;
    this.#page = page;
    // An empty title gets a sentence at the field instead of the browser's message.
    this.#form.noValidate = true;
    details.querySelector("summary").addEventListener("click", (event) => this.#toggled(event));
    details.querySelector("a").addEventListener("click", (event) => this.#cancelled(event));
    this.#form.addEventListener("submit", (event) => this.#submitted(event));
    details.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** On the click, not on the `toggle` event: a phone shows its keyboard only in response to a touch. */
  #toggled(event) {
    event.preventDefault();
    if (this.#details.open) return this.#close();
    this.#details.open = true;
    this.#say("");
    this.#field.value = this.#page.title();
    this.#field.focus();
    this.#field.select();
  }

  #cancelled(event) {
    event.preventDefault();
    this.#close();
  }

  /** Escape also cancels a word in Japanese, Chinese and Korean input. */
  #pressed(event) {
    if (event.key !== "Escape" || event.isComposing || !this.#details.open) return;
    event.preventDefault();
    this.#close();
  }

  #close() {
    this.#details.open = false;
    this.#details.querySelector("summary").focus({ preventScroll: true });
  }

  async #submitted(event) {
    event.preventDefault();
    if (this.#saving) return;
    this.#busy(true);
    const { problem } = await this.#page.save(this.#form.action, this.#field.value);
    this.#busy(false);
    if (!this.#details.open) return; // cancelled in the meantime; the stored title is shown all the same
    if (problem) this.#refused(problem);
    else this.#close();
  }

  #refused(sentence) {
    this.#say(sentence);
    this.#field.focus();
  }

  #busy(isOn) {
    this.#saving = isOn;
    this.#form.toggleAttribute("aria-busy", isOn);
  }

  #say(sentence) {
    const place = this.#form.querySelector("#rename-title-error");
    place.textContent = sentence;
    place.hidden = !sentence;
    if (sentence) this.#field.setAttribute("aria-invalid", "true");
    else this.#field.removeAttribute("aria-invalid");
  }
}

/** `{title}` as it is stored, or `{problem}`, a sentence. */
export async function saveTitle(address, title, send = window.fetch) {
  try {
    const headers = { Accept: "application/json" };
    const answer = await send(address, { method: "POST", headers, body: new URLSearchParams({ title }) });
    const { title: stored, message } = await answer.json();
    return answer.ok ? { title: stored } : { problem: message ?? NOT_SAVED };
  } catch {
    return { problem: NOT_SAVED };
  }
}
