/** The pencil beside the title: turns it into a field. Without this it is a plain form, with an address of its own. */

const NOT_SAVED = "The title was not saved: there is no connection. Try again.";

export class Rename {
  #details;
  #form;
  #field;
  #outside;
  #saving = false;

  /** `outside.title()` is what to begin with; `outside.save(address, title)` gives `{title}` as stored, or `{problem}`. */
  constructor(details, outside) {
    this.#details = details;
    this.#form = details.querySelector("form");
    this.#field = this.#form.elements.title;
    this.#outside = outside;
    // An empty title gets a sentence at the field, and no bubble.
    this.#form.noValidate = true;
    details.querySelector("summary").addEventListener("click", (event) => this.#toggled(event));
    details.querySelector("a").addEventListener("click", (event) => this.#cancelled(event));
    this.#form.addEventListener("submit", (event) => this.#submitted(event));
    details.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** At once and not with the `toggle` event: a phone shows its keyboard only while a finger is down. */
  #toggled(event) {
    event.preventDefault();
    if (this.#details.open) return this.#close();
    this.#details.open = true;
    this.#say("");
    this.#field.value = this.#outside.title();
    this.#field.focus();
    this.#field.select();
  }

  #cancelled(event) {
    event.preventDefault();
    this.#close();
  }

  /** Escape also gives up a word in Japanese, Chinese and Korean input. */
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
    const { problem } = await this.#outside.save(this.#form.action, this.#field.value);
    this.#busy(false);
    if (!this.#details.open) return; // given up in the meantime; what was stored is shown all the same
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
