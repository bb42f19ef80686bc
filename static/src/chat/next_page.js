/** Loads one more page at a press: busy meanwhile, and a sentence beside the control where it failed. */
export class NextPage {
  #control;
  #note;

  constructor(control, note) {
    this.#control = control;
    this.#note = note;
  }

  /** Hands the JSON of the address to `show`, unless `signal` is aborted first; returns whether it did. */
  async load(address, show, problem, signal) {
    if (this.#control.getAttribute("aria-busy") === "true") return false;
    this.#control.setAttribute("aria-busy", "true");
    this.#say("");
    try {
      show(await fetched(address, signal));
      return true;
    } catch {
      if (!signal?.aborted) this.#say(problem);
      return false;
    } finally {
      this.#control.removeAttribute("aria-busy");
    }
  }

  #say(text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }
}

async function fetched(address, signal) {
  const response = await fetch(address, { headers: { Accept: "application/json" }, signal });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}
