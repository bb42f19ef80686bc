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

/**
 * `{action, ids, back, problem}`; `back` is the chat that the page showed, if it is among them, and `problem` why there are not more of
 * them. An offer of the same that is not over is part of the new one.
 */
export function offerUndo(page, { action, ids, back, problem }) {
  const last = page.offer?.action === action && page.offer.until > Date.now() ? page.offer : null;
  const all = [...new Set([...(last?.ids ?? []), ...ids])];
  keep(page, { action, ids: all, back: back || last?.back, problem, until: Date.now() + SHOWN_MS });
  show(page, page.offer, SHOWN_MS);
}

/** By the page that opens next. */
export function offerLater(storage, offer) {
  storage.write(KEY, { ...offer, until: Date.now() + SHOWN_MS });
}

/** What the page before this one offered. */
export function offerAgain(page) {
  const offer = page.storage.read(KEY);
  const left = offer.until - Date.now();
  if (!(left > 0)) return keep(page, null);
  page.offer = offer;
  show(page, offer, left);
}

/** Also where the browser stores nothing. */
function keep(page, offer) {
  page.offer = offer;
  page.storage.write(KEY, offer);
}

function show(page, offer, ms) {
  const words = `${counted(offer.ids.length, DONE[offer.action])}.`;
  new Toast(page, [words, offer.problem].filter(Boolean).join(" "), ms, () => undo(page, offer));
}

/** Something went wrong; what can be undone still can. */
export function say(page, sentence) {
  const left = (page.offer?.until ?? 0) - Date.now();
  if (left <= 0) return new Toast(page, sentence, SHOWN_MS);
  keep(page, { ...page.offer, problem: sentence });
  show(page, page.offer, left);
}

async function undo(page, { action, ids, back }) {
  keep(page, null);
  const { done, problem } = await changeChats(BACK[action], ids);
  if (problem) return offerUndo(page, { action, ids: ids.filter((id) => !done.includes(id)), back, problem });
  const missing = ids.length - done.length;
  const restored = counted(done.length, DONE[BACK[action]]);
  if (missing) return say(page, `${done.length ? `${restored}. ` : ""}${counted(missing, "can no longer be restored")}.`);
  page.announce(restored);
  if (back) window.location.assign(`/chat/${back}/`);
  else part("thread-list").querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
}

/** One at a time; the next one replaces it. It stays while the pointer or the focus is in it. */
class Toast {
  #element;
  #undo;
  #ms;
  #timer;
  #over = new AbortController();

  constructor(page, text, ms, undo) {
    document.getElementById("toast")?.dispatchEvent(new Event("replaced"));
    this.#undo = undo;
    const button = element("button", { type: "button", class: UNDO }, "Undo");
    const parts = [element("span", { class: "py-2 pe-2.5" }, text), ...(undo ? [button] : [])];
    this.#element = element("div", { id: "toast", class: LOOK, popover: "manual", role: "group", "aria-label": text }, ...parts);
    this.#ms = ms;
    this.#listen(button);
    this.#put();
    page.announce(undo ? `${text} Press ${isMac() ? "Command" : "Control"}+Z to undo.` : text);
  }

  #listen(button) {
    const { signal } = this.#over;
    const on = (target, type, does) => target.addEventListener(type, does, { signal });
    on(button, "click", () => this.#press());
    on(this.#element, "replaced", () => this.#close());
    for (const type of ["pointerenter", "focusin"]) on(this.#element, type, () => window.clearTimeout(this.#timer));
    for (const type of ["pointerleave", "focusout"]) on(this.#element, type, () => this.#wait());
    if (this.#undo) on(document, "keydown", (event) => isUndo(event) && this.#press(event));
    on(part("chat-sidebar"), "toggle", () => this.#put());
  }

  /** The pointer may leave it while the focus stays, or the other way around: then the last one to go starts this again. */
  #wait() {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#element.matches(":hover, :focus-within") || this.#close(), this.#ms);
  }

  /** After the list in the order of the page, and above an open drawer; it stays when the drawer is closed. */
  #put() {
    const drawer = part("chat-sidebar");
    const place = drawer.checkVisibility() ? drawer : document.body;
    if (this.#element.parentNode !== place) place.append(this.#element);
    if (!this.#element.matches(":popover-open")) this.#element.showPopover();
    this.#wait(); // moved, it has neither the pointer nor the focus
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
