/** The search dialog: chats and messages that are found while one types, recent chats, and commands. */
import { element } from "../elements.js";
import { keysOf } from "../shortcut_list.js";
import { commandsFor } from "./commands.js";
import { Finder, addressOf } from "./finder.js";
import { chatGroup, chatOption, commandOption, group, hitOption, pageOption } from "./options.js";
import { isHere, jump, remember } from "./jump.js";
import { isTitled } from "./marks.js";

const RECENT = 6;
const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

let palette;

/** Opens it, or closes it again. The hints are keys of `shortcuts`. */
export function togglePalette(shortcuts, isMac) {
  palette ??= new Palette((does) => hintOf(shortcuts, does, isMac));
  palette.toggle();
}

function hintOf(shortcuts, does, isMac) {
  const shortcut = shortcuts.find((one) => does && one.does === does);
  return shortcut ? keysOf(shortcut, isMac) : [];
}

class Palette {
  #hintOf;
  #dialog;
  #field;
  #list;
  #status;
  #finder = new Finder((state) => this.#heard(state));
  #state = { query: "", phase: "" };
  #active = null;
  #isChosen = false; // by the reader, who has moved to it

  constructor(hintOf) {
    this.#hintOf = hintOf;
    const part = (name) => this.#dialog.querySelector(`[data-part=${name}]`);
    this.#dialog = blank();
    [this.#field, this.#list, this.#status] = [part("field"), part("list"), part("status")];
    this.#field.addEventListener("input", (event) => event.isComposing || this.#typed());
    this.#field.addEventListener("compositionend", () => this.#typed());
    this.#dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("click", (event) => this.#clicked(event, event.target.closest("[role=option]")));
    part("again").addEventListener("click", () => this.#again());
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#finder.stop());
    document.body.append(this.#dialog);
  }

  /** What was typed last is there again, selected. */
  toggle() {
    if (this.#dialog.open) return this.#dialog.close();
    this.#dialog.showModal();
    this.#field.select();
    this.#typed();
  }

  // -- what is typed ------------------------------------------------------------------------------------------------

  #typed() {
    const query = this.#field.value;
    this.#isChosen = false;
    if (!query.trim()) this.#state = { query: "", phase: "" };
    this.#finder.ask(query);
    this.#show();
  }

  /** A search that failed, at once. */
  #again() {
    this.#finder.ask(this.#field.value, { pause: 0 });
    this.#field.focus();
  }

  /** While the next results are on their way, the last ones stay. */
  #heard({ phase, query, chats = phase === "loading" ? this.#state.chats : undefined, next, problem }) {
    this.#state = { phase, query, chats, next, problem };
    this.#show();
  }

  // -- what is shown ------------------------------------------------------------------------------------------------

  #show() {
    const before = this.#isChosen ? this.#active?.dataset.key : "";
    this.#list.replaceChildren(...this.#groups());
    this.#options.forEach((option) => (option.dataset.key = option.getAttribute("href") ?? option.textContent));
    this.#list.hidden = !this.#options.length;
    this.#field.ariaExpanded = String(!this.#list.hidden);
    this.#list.ariaBusy = String(this.#state.phase === "loading");
    this.#activate(this.#options.find(({ dataset }) => dataset.key === before) ?? this.#proposed);
    const sentence = this.#sentence();
    if (this.#status.firstElementChild.textContent !== sentence) this.#status.firstElementChild.textContent = sentence;
    this.#status.classList.toggle("sr-only", !sentence || (this.#state.phase === "found" && this.#state.chats.length > 0));
    this.#status.lastElementChild.hidden = this.#state.phase !== "failed";
  }

  #groups() {
    const { query, chats = [], next } = this.#state;
    const commands = commandsFor(this.#field.value, this.#hintOf).map(commandOption);
    if (!query) return [...group("Recent chats", recentChats().map(chatOption)), ...group("Commands", commands)];
    const found = chats.map((chat) => chatGroup(chat.title || "New chat", this.#optionsOf(chat)));
    if (found.length) found.push(chatGroup("Page", [pageOption(next ? "All results, also older ones" : "All results", query)]));
    return [...found.slice(0, 1), ...group("Commands", commands), ...found.slice(1)];
  }

  /** What Enter does at once: the best message, or its chat if its title is what was typed; nothing that changes something by the way. */
  get #proposed() {
    const { query, phase, chats: [chat] = [] } = this.#state;
    const options = this.#options;
    if (chat) return options[chat.hits.length && !isTitled(query, chat.title_marks) ? 1 : 0];
    return options.find(({ changes, isNamed }) => !changes || (isNamed && phase === "found"));
  }

  #optionsOf(chat) {
    const hits = chat.hits.map((hit) => hitOption(chat.thread_id, hit));
    const more = chat.more ? [pageOption("More in this chat", this.#state.query, chat.thread_id)] : [];
    return [chatOption(chat), ...hits, ...more];
  }

  #sentence() {
    const { phase, query, chats, problem } = this.#state;
    if (phase === "loading") return "Searching…";
    if (phase !== "found") return problem ?? "";
    if (!chats.length) return `No chats or messages contain “${query.trim()}”.`;
    return chats.length === 1 ? "Found in 1 chat" : `Found in ${chats.length} chats`;
  }

  get #options() {
    return [...this.#list.querySelectorAll("[role=option]")];
  }

  #activate(option = null) {
    if (this.#active) this.#active.ariaSelected = "false";
    this.#active = option;
    if (!option) return this.#field.removeAttribute("aria-activedescendant");
    option.ariaSelected = "true";
    this.#field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  // -- what is pressed ----------------------------------------------------------------------------------------------

  #pressed(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const { key, ctrlKey, metaKey, altKey, shiftKey, target } = event;
    const isCommand = ctrlKey || metaKey;
    if (isCommand && !shiftKey && !altKey && key.toLowerCase() === "k") this.#dialog.close();
    else if (target !== this.#field || altKey || shiftKey) return;
    else if (key === "Enter") this.#enter(isCommand);
    else if (STEPS[key] && !isCommand) this.#step(STEPS[key]);
    else return;
    event.preventDefault();
  }

  #step(step) {
    const options = this.#options;
    if (!options.length) return;
    this.#isChosen = true;
    const at = options.indexOf(this.#active) + step;
    const isTurn = Number.isFinite(step) && (at < 0 || at >= options.length);
    this.#activate(isTurn ? options.at(step > 0 ? 0 : -1) : options[Math.min(Math.max(at, 0), options.length - 1)]);
  }

  /** Without an option: the search as a page, which waits for its results, or again the search that failed. */
  #enter(isElsewhere) {
    if (this.#active?.href && isElsewhere) return void window.open(this.#active.href, "_blank", "noopener");
    if (this.#active) return this.#active.click();
    if (this.#state.phase === "failed") return this.#again();
    if (this.#state.phase === "loading") window.location.assign(addressOf(this.#field.value));
  }

  #clicked(event, option) {
    if (!option || event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab or window
    this.#dialog.close();
    if (option.control) {
      event.preventDefault();
      option.control.click();
    } else if (option.message && isHere(option.message)) {
      event.preventDefault();
      jump(option.message);
    } else if (option.message) remember(option.message);
  }
}

/** As the list of chats shows them, the newest first, without the one that is open. */
function recentChats() {
  const rows = [...document.querySelectorAll("#thread-list [data-thread-id]")].filter((row) => !row.querySelector("[aria-current]"));
  const chats = rows.map((row) => ({
    thread_id: row.dataset.threadId,
    title: row.querySelector(".thread-title").textContent,
    last_message_at: row.dataset.lastMessageAt,
  }));
  return chats.toSorted((one, other) => other.last_message_at.localeCompare(one.last_message_at)).slice(0, RECENT);
}

function blank() {
  const close = document.querySelector("#shortcuts form button").cloneNode(true);
  const field = element("input", {
    "data-part": "field", type: "text", role: "combobox", class: "min-w-0 flex-1 border-0 bg-transparent px-3 py-2 text-base text-heading outline-none placeholder:text-body-subtle focus:ring-0",
    "aria-label": "Search chats and commands", "aria-controls": "palette-list", "aria-expanded": "false", "aria-autocomplete": "list",
    placeholder: "Search chats and commands", dir: "auto", autocomplete: "off", autocapitalize: "none", spellcheck: "false", enterkeyhint: "go",
  });
  const again = element("button", { type: "button", "data-part": "again", class: "font-medium text-fg-brand underline cursor-pointer", hidden: "" }, "Try again");
  return element(
    "dialog",
    { id: "palette", "aria-label": "Search", class: "m-auto mt-[8dvh] w-2xl max-w-[calc(100vw-2rem)] overflow-hidden rounded-lg border border-default bg-neutral-primary-medium p-0 text-body shadow-lg backdrop:bg-black/45 max-sm:mt-4" },
    element(
      "div",
      { class: "flex max-h-[min(36rem,84dvh)] flex-col" },
      element("form", { method: "dialog", class: "flex flex-none items-center gap-2 border-b border-default p-1.5" }, field, close),
      element("p", { "data-part": "status", role: "status", class: "flex flex-none flex-wrap gap-x-3 px-4.5 pt-2 text-[0.9375rem] text-body-subtle wrap-anywhere" }, element("span", {}), again),
      element("div", { id: "palette-list", "data-part": "list", role: "listbox", "aria-label": "Results", class: "min-h-0 flex-1 overflow-y-auto p-1.5 [scrollbar-width:thin]" }),
    ),
  );
}
