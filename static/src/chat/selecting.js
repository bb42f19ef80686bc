/** Choosing several chats: checkboxes in the rows, and a bar with what can be done to them. */
import { element } from "./elements.js";
import { act } from "./thread_actions.js";

const CHECK = "size-4.5 flex-none cursor-pointer rounded-sm border-default-strong not-checked:bg-neutral-primary-soft checked:border-transparent checked:bg-brand";
const BUTTON =
  "inline-flex min-h-10 flex-1 cursor-pointer items-center justify-center rounded-base border px-3 text-sm font-strong aria-disabled:cursor-default aria-disabled:opacity-55 pointer-coarse:min-h-11";
const PLAIN = "min-h-10 cursor-pointer rounded-base px-2 text-sm text-heading hover:bg-neutral-tertiary pointer-coarse:min-h-11";
const part = (id) => document.getElementById(id);

/** Begins with this row, if there is one. */
export function selectFrom(page, row) {
  if (!part("select-bar")) new Selecting(page);
  const check = row?.querySelector("input") ?? part("thread-list").querySelector("input");
  if (row) check.click();
  check?.focus({ preventScroll: true });
}

class Selecting {
  #page;
  #list = part("thread-list");
  #last = null;
  #count;
  #all;
  #over = new AbortController();
  #rows;

  constructor(page) {
    this.#page = page;
    this.#list.setAttribute("data-selecting", "");
    part("chats-footer").hidden = true;
    part("chats-footer").after(this.#bar());
    this.#rows = new MutationObserver(() => this.#show());
    this.#rows.observe(this.#list, { childList: true, subtree: true });
    const { signal } = this.#over;
    this.#list.addEventListener("click", (event) => event.target.matches("input") && this.#clicked(event), { signal });
    part("chat-sidebar").addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.#show();
  }

  #bar() {
    const button = (words, look, does, more = {}) => {
      const made = element("button", { type: "button", class: look, ...more }, words);
      made.addEventListener("click", does);
      return made;
    };
    this.#count = element("p", { role: "status", class: "ps-2 text-sm text-heading" });
    this.#all = button("", PLAIN, () => this.#checkAll());
    const secondary = "border-default bg-neutral-primary-soft hover:bg-neutral-tertiary";
    return element(
      "div",
      { id: "select-bar", role: "group", "aria-label": "Selected chats", class: "flex flex-col gap-2 border-t border-default pt-2" },
      this.#count,
      element("div", { class: "flex justify-between" }, this.#all, button("Cancel", PLAIN, () => this.#end())),
      element(
        "div",
        { class: "flex gap-2" },
        button("Archive", `${BUTTON} ${secondary} text-heading`, () => this.#act("archive"), { "data-acts": "" }),
        button("Delete", `${BUTTON} ${secondary} text-fg-danger`, () => this.#act("delete"), { "data-acts": "" }),
      ),
    );
  }

  get #checks() {
    return [...this.#list.querySelectorAll("input[type=checkbox]")];
  }

  /** Chats that are not loaded yet are not selected. */
  get #everything() {
    return part("more-threads").hidden ? "Select all" : "Select all shown";
  }

  /** Also rows that came in the meantime. */
  #show() {
    for (const row of this.#list.querySelectorAll("li:not(:has(> label))")) adopt(row);
    const checks = this.#checks;
    const count = checks.filter(({ checked }) => checked).length;
    const words = `${count.toLocaleString("en")} selected`;
    if (this.#count.textContent !== words) this.#count.textContent = words;
    this.#all.textContent = count && count === checks.length ? "Select none" : this.#everything;
    for (const button of part("select-bar").querySelectorAll("[data-acts]")) button.ariaDisabled = count ? null : "true";
  }

  /** With Shift, everything between the last one and this one. */
  #clicked({ target, shiftKey }) {
    const checks = this.#checks;
    const [from, to] = [checks.indexOf(this.#last), checks.indexOf(target)].toSorted((one, other) => one - other);
    if (shiftKey && from >= 0) for (const check of checks.slice(from, to + 1)) check.checked = target.checked;
    this.#last = target;
    this.#show();
  }

  #checkAll() {
    const checks = this.#checks;
    const isOn = checks.some(({ checked }) => !checked);
    for (const check of checks) check.checked = isOn;
    this.#show();
  }

  #pressed(event) {
    if (event.key !== "Escape" || part("thread-menu")) return;
    event.preventDefault(); // or an open drawer closes as well
    this.#end();
  }

  #act(action) {
    const ids = this.#checks.filter(({ checked }) => checked).map((check) => check.closest("li").dataset.threadId);
    if (!ids.length) return;
    this.#end();
    act(this.#page, action, ids);
  }

  #end() {
    this.#over.abort();
    this.#rows.disconnect();
    for (const label of this.#list.querySelectorAll("li > label")) label.remove();
    for (const link of this.#list.querySelectorAll("a")) link.inert = false;
    this.#list.removeAttribute("data-selecting");
    part("select-bar").remove();
    part("chats-footer").hidden = false;
    this.#list.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }
}

function adopt(row) {
  const name = row.querySelector(".thread-title").textContent;
  const check = element("input", { type: "checkbox", class: CHECK, "aria-label": name, autocomplete: "off", tabindex: "-1", "data-stop": "" });
  row.prepend(element("label", { class: "absolute inset-0 z-1 flex cursor-pointer items-center rounded-base ps-3 select-none" }, check));
  row.querySelector("a").inert = true;
}
