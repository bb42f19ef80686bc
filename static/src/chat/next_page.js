/** Loads one more page at a press: busy meanwhile, and a sentence beside the control where it failed. */
export class NextPage {
  #control;
  #note;

  constructor(control, note) {
    this.#control = control;
    this.#note = note;
  }

  /** Hands the JSON of the address to `show`; returns whether it did. */
  async load(address, show, problem) {
    if (this.#control.getAttribute("aria-busy") === "true") return false;
    this.#control.setAttribute("aria-busy", "true");
    this.#say("");
    try {
      show(await fetched(address));
      return true;
    } catch {
      this.#say(problem);
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

async function fetched(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}
