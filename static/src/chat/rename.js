/** Editing the title in place. Without JavaScript it is a plain form, with its own address. */

const NOT_SAVED = "The title was not saved because you are not connected. Try again.";

/** `page`: what rename.js needs of thread.js; `page.signal` ends it. */
export function startRename(page) {
  const part = (id) => document.getElementById(id);
  new Rename(part("rename-form"), part("rename-open"), {
    title: page.title,
    signal: page.signal,
    save: async (address, title) => {
      const since = page.titleRev();
      const saved = await saveTitle(address, title);
      if (saved.problem) return saved;
      page.renamed(saved.title, since);
      page.announce("Chat renamed");
      return saved;
    },
  });
}

export class Rename {
  #form;
  #field;
  #opener;
  #page;
  #saving = false;

  /** `page.title()` is the current title; `page.save(address, title)` gives `{title}` as stored, or `{problem}`. */
  constructor(form, opener, page) {
    this.#form = form;
    this.#field = form.elements.title;
    this.#opener = opener;
    this.#page = page;
    const { signal } = page;
    // An empty title gets a sentence at the field instead of the browser's message.
    form.noValidate = true;
    opener.addEventListener("click", (event) => this.#open(event), { signal });
    form.querySelector("a").addEventListener("click", (event) => this.#cancelled(event), { signal });
    form.addEventListener("submit", (event) => this.#submitted(event), { signal });
    form.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    signal.addEventListener("abort", () => this.#busy(false));
  }

  /** In the click itself: a phone shows its keyboard only in response to a touch. */
  #open(event) {
    event.preventDefault();
    this.#menu.open = false;
    this.#form.toggleAttribute("data-open", true);
    this.#say("");
    this.#field.value = this.#page.title();
    this.#field.focus();
    this.#field.select();
  }

  get #menu() {
    return this.#opener.closest("details");
  }

  get #isOpen() {
    return this.#form.matches(":target, [data-open]");
  }

  #cancelled(event) {
    event.preventDefault();
    this.#close();
  }

  /** Escape also cancels a word in Japanese, Chinese and Korean input. */
  #pressed(event) {
    if (event.key !== "Escape" || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#close();
  }

  #close() {
    this.#form.toggleAttribute("data-open", false);
    if (this.#form.matches(":target")) window.location.hash = ""; // opened in a tab of its own
    this.#menu.querySelector("summary").focus({ preventScroll: true });
  }

  async #submitted(event) {
    event.preventDefault();
    if (this.#saving) return;
    this.#busy(true);
    const { problem } = await this.#page.save(this.#form.action, this.#field.value);
    if (this.#page.signal.aborted) return;
    this.#busy(false);
    if (!this.#isOpen) return; // cancelled in the meantime; the stored title is shown all the same
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
