/**
 * Shows another chat on the page that is there. Loaded when the reader goes to one for the first time; it imports nothing, since a module
 * that it shared with the page's script would become a file of its own.
 */

const KEPT = 10;
const SKELETON_MS = 150;
const QUICK_MS = 400; // of several moves in a row, only the last one opens a socket
const LOAD_MS = 8_000;
const ROUNDED_PX = 2;
const ADDRESSES = ["href", "action", "formaction", "data-url"];
const HIDDEN = [
  "chat-notice", "connection-status", "live-notice", "queue", "load-older", "load-older-note", "composer-error", "cancel-sending", "stop",
];

const part = (id) => document.getElementById(id);

export class Moving {
  #chat;
  #left = new Map(); // key of a history entry → how its thread was left
  #lastMove = -Infinity;
  #place = null; // at which the thread on the page was shown

  /** `chat` is the one of chat.js. */
  constructor(chat) {
    this.#chat = chat;
  }

  /** `from`: the key of the history entry that is left. Resolves when the thread is shown, or left before. */
  async move({ threadId, from, isBack, signal }) {
    if (signal.aborted) return; // by a move that came while this file was loaded
    this.#keep(from);
    const left = isBack ? this.#left.get(navigation.currentEntry.key) : null;
    const known = left?.state.threadId === threadId ? left : null;
    const { main, shared, page } = this.#chat;
    page.close();
    closeMenus();
    prepare(main, threadId);
    shared.sidebar.current(threadId);
    const title = listedTitle(threadId) || known?.state.title;
    if (!title) [part("thread-title").textContent, document.title] = ["\u00a0", main.dataset.siteName]; // until the socket brings it
    const next = this.#chat.reopen();
    focusOn(part("thread-title"));
    if (known) this.#showAgain(next, known, title);
    else await this.#open(next, title, isBack);
  }

  #keep(key) {
    const { page } = this.#chat;
    const { left } = page;
    if (!left) return;
    page.keepPlace();
    if (isSame(left.place, this.#place)) left.place = this.#place;
    this.#left.delete(key);
    this.#left.set(key, { ...left, origin: part("branched-from"), model: part("composer").elements.model?.value });
    if (this.#left.size > KEPT) this.#left.delete(this.#left.keys().next().value);
  }

  #showAgain(page, { state, place, older, origin, model }, title) {
    if (origin) part("chat-messages").before(origin);
    choose(model);
    page.arrive({ title, state, waitMs: this.#waitMs() });
    this.#show(page, place, older);
  }

  #open(page, title, isBack) {
    return new Promise((resolve) => {
      const timers = [window.setTimeout(showSkeleton, SKELETON_MS), window.setTimeout(loadInstead, LOAD_MS)];
      const end = () => {
        timers.forEach((timer) => window.clearTimeout(timer));
        resolve();
      };
      const onOpened = ({ model, forkedFrom }) => {
        end();
        if (!choose(model)) return window.location.reload(); // the server's page says which model answers instead
        showOrigin(forkedFrom, this.#chat.shared.sidebar.untitled);
        this.#show(page, placeOf(window.location.hash) ?? (isBack ? page.keptPlace : null));
      };
      page.signal.addEventListener("abort", end);
      page.arrive({ title, waitMs: this.#waitMs(), onOpened });
    });
  }

  #show(page, place, older) {
    this.#place = place;
    part("chat-messages").inert = false;
    page.show(place, older);
    this.#chat.shared.announce(part("thread-title").textContent);
  }

  #waitMs() {
    const now = performance.now();
    const isQuick = now - this.#lastMove < QUICK_MS;
    this.#lastMove = now;
    return isQuick ? QUICK_MS : 0;
  }
}

/** The browser rounds where a view is scrolled to, and over many returns that would add up. */
function isSame(place, before) {
  return place?.id === before?.id && Math.abs(place?.top - before?.top) < ROUNDED_PX;
}

/** Menus, dialogs, and the list of chats on a phone. */
function closeMenus() {
  document.querySelectorAll("[popover]:not([popover=manual]):popover-open").forEach((one) => one.hidePopover());
  document.querySelectorAll("dialog[open]").forEach((one) => one.close());
  document.querySelectorAll("details[data-menu][open]").forEach((one) => (one.open = false));
}

/** Makes the page what the server would render for this thread, except for what the socket brings. */
function prepare(main, threadId) {
  readdress(document.body, main.dataset.threadId, threadId);
  Object.assign(main.dataset, { threadId, cursor: "", rev: "0" });
  main.removeAttribute("data-elsewhere");
  for (const name of ["data-cut", "data-pinned", "data-archived", "data-unread"]) main.removeAttribute(name);
  for (const id of HIDDEN) part(id).hidden = true;
  part("elsewhere").hidden = true;
  part("queue").querySelector("ol").replaceChildren();
  part("queue").querySelector(".queue-paused").textContent = "";
  part("branched-from")?.remove();
  part("archived-notice")?.remove();
  part("rename-form").toggleAttribute("data-open", false);
  part("chat-messages").inert = true; // until they are replaced
  const field = part("message");
  [field.value, field.readOnly] = ["", false];
  for (const name of ["aria-describedby", "aria-invalid"]) field.removeAttribute(name);
  for (const left of part("composer").querySelectorAll("#model-gone, input[name=model]")) left.remove();
  part("model")?.removeAttribute("aria-describedby");
}

/** Wherever an address has the id of the thread, except in the list of chats. */
function readdress(root, from, to) {
  for (const element of root.querySelectorAll(`template, ${ADDRESSES.map((name) => `[${name}*="${from}"]`)}`)) {
    if (element.content) readdress(element.content, from, to);
    if (element.closest("#thread-list")) continue;
    for (const name of ADDRESSES) {
      const address = element.getAttribute(name);
      if (address?.includes(from)) element.setAttribute(name, address.replace(from, to));
    }
  }
}

/** As after a load: the message field, or on a phone, where that would bring up the keyboard, the heading. */
function focusOn(heading) {
  if (window.matchMedia("(pointer: fine)").matches) return; // the new field has it
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** False if the model is not offered any more. */
function choose(model) {
  const select = part("model");
  const offered = select ? [...select.options].map(({ value }) => value) : [part("composer").dataset.model];
  if (model && !offered.includes(model)) return false;
  if (select) select.value = model || offered[0];
  return true;
}

/** The same markup as in _versions.html. */
function showOrigin(origin, untitled) {
  if (!origin) return;
  const place = document.createElement("p");
  place.id = "branched-from";
  place.className = "pb-2 text-center text-sm text-body-subtle";
  const link = document.createElement("a");
  link.className = "font-medium text-fg-brand underline decoration-current/40 underline-offset-[0.2em] cursor-pointer hover:decoration-current";
  link.href = `/chat/${origin.thread_id}/`;
  link.textContent = origin.title || untitled;
  place.append("Branched from ", link);
  part("chat-messages").before(place);
}

function listedTitle(threadId) {
  return document.querySelector(`#thread-list [data-thread-id="${threadId}"] .thread-title`)?.textContent;
}

/** The message that an address names, near the top of the view. */
function placeOf(hash) {
  return hash.startsWith("#m-") ? { id: hash.slice(3), top: 16, hasRoom: false } : undefined;
}

function showSkeleton() {
  part("chat-messages").replaceChildren();
  const scroller = part("chat-scroll");
  scroller.dataset.opening = "";
  scroller.nextElementSibling.style.animation = "none"; // after a load it appears after a second
}

/** The server's page, which shows more of a chat without a socket, and says what is wrong. */
function loadInstead() {
  if (navigator.onLine) window.location.reload();
}
