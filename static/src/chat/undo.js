/** "Chat deleted. Undo": for ten seconds, on the next page too. The server decides whether it is too late. */
import { changeChats, counted } from "./bulk.js";
import { element } from "./elements.js";

const KEY = "undo";
const SHOWN_MS = 10_000;
const BACK = { archive: "unarchive", delete: "undelete" };
const DONE = { archive: "archived", delete: "deleted", unarchive: "back in the list", undelete: "restored" };
const isMac = () => /mac|iphone|ipad/i.test(navigator.platform);
const LOOK =
  "fixed inset-auto bottom-28 start-1/2 m-0 flex w-max max-w-[calc(100vw-2rem)] -translate-x-1/2 items-center gap-2 rounded-lg border border-default bg-neutral-primary-medium py-1.5 ps-4 pe-1.5 text-heading shadow-lg print:hidden lg:start-4 lg:bottom-16 lg:translate-x-0";
const UNDO = "min-h-10 cursor-pointer rounded-base px-3 font-strong text-fg-brand hover:bg-neutral-tertiary pointer-coarse:min-h-11";

const part = (id) => document.getElementById(id);

/** `{action, ids, back}`; `back` is the chat that the page showed, if it is among them. */
export function offerUndo(page, offer) {
  page.storage.write(KEY, { ...offer, until: Date.now() + SHOWN_MS });
  new Toast(page, `${counted(offer.ids.length, DONE[offer.action])}.`, SHOWN_MS, () => undo(page, offer));
}

/** By the page that opens next. */
export function offerLater(storage, offer) {
  storage.write(KEY, { ...offer, until: Date.now() + SHOWN_MS });
}

/** What the page before this one offered. */
export function offerAgain(page) {
  const { until = 0, ...offer } = page.storage.read(KEY) ?? {};
  const left = until - Date.now();
  if (left > 0) new Toast(page, `${counted(offer.ids.length, DONE[offer.action])}.`, left, () => undo(page, offer));
  else page.storage.write(KEY, null);
}

/** Something went wrong. */
export function say(page, sentence) {
  new Toast(page, sentence, SHOWN_MS);
}

async function undo(page, { action, ids, back }) {
  page.storage.write(KEY, null);
  const { done, problem } = await changeChats(BACK[action], ids);
  if (problem) return new Toast(page, problem, SHOWN_MS, () => undo(page, { action, ids, back }));
  const missing = ids.length - done.length;
  if (missing) return say(page, `${counted(missing, "can no longer be restored")}.`);
  page.announce(counted(done.length, DONE[BACK[action]]));
  if (back) window.location.assign(`/chat/${back}/`);
  else part("thread-list").querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
}

/** One at a time; the next one replaces it. It stays while the pointer or the focus is in it. */
class Toast {
  #element;
  #undo;
  #timer;
  #over = new AbortController();

  constructor(page, text, ms, undo) {
    document.getElementById("toast")?.dispatchEvent(new Event("replaced"));
    this.#undo = undo;
    const button = element("button", { type: "button", class: UNDO }, "Undo");
    const parts = [element("span", { class: "py-2 pe-2.5" }, text), ...(undo ? [button] : [])];
    this.#element = element("div", { id: "toast", class: LOOK, popover: "manual", role: "group", "aria-label": text }, ...parts);
    this.#listen(ms, button);
    this.#put();
    page.announce(undo ? `${text} Press ${isMac() ? "Command" : "Control"}+Z to undo.` : text);
  }

  #listen(ms, button) {
    const { signal } = this.#over;
    const on = (target, type, does) => target.addEventListener(type, does, { signal });
    const leave = () => (this.#timer = window.setTimeout(() => this.#close(), ms));
    on(button, "click", () => this.#press());
    on(this.#element, "replaced", () => this.#close());
    for (const type of ["pointerenter", "focusin"]) on(this.#element, type, () => window.clearTimeout(this.#timer));
    for (const type of ["pointerleave", "focusout"]) on(this.#element, type, leave);
    if (this.#undo) on(document, "keydown", (event) => isUndo(event) && this.#press(event));
    on(part("chat-sidebar"), "toggle", () => this.#put());
    leave();
  }

  /** After the list in the order of the page, and above an open drawer; it stays when the drawer is closed. */
  #put() {
    const drawer = part("chat-sidebar");
    const place = drawer.checkVisibility() ? drawer : document.body;
    if (this.#element.parentNode !== place) place.append(this.#element);
    if (!this.#element.matches(":popover-open")) this.#element.showPopover();
  }

  #press(event) {
    event?.preventDefault();
    this.#close();
    this.#undo();
  }

  #close() {
    window.clearTimeout(this.#timer);
    this.#over.abort();
    this.#element.remove();
  }
}

/** Not in a field, where it undoes what was typed. */
function isUndo({ key, ctrlKey, metaKey, shiftKey, altKey, target }) {
  if (target.closest?.("input:not([type='checkbox']), textarea, select")) return false;
  return key.toLowerCase() === "z" && (isMac() ? metaKey : ctrlKey) && !shiftKey && !altKey;
}
