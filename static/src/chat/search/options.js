/** The rows of the search dialog. Each is an option of a listbox; one that leads somewhere is a link, for another tab as well. */
import { element } from "../elements.js";
import { addressOf } from "./finder.js";
import { marked, wordsOf } from "./marks.js";

const OPTION = "flex min-h-11 w-full cursor-pointer items-center gap-3 rounded-base px-3 py-1.5 text-start text-heading hover:bg-neutral-tertiary aria-selected:bg-neutral-quaternary forced-colors:aria-selected:outline-2 forced-colors:aria-selected:-outline-offset-2";
const NOTE = "flex-none text-[0.8125rem] text-body-subtle";
const CAPTION = "px-3 pt-2 pb-1 text-[0.8125rem] text-body-subtle";
const KEY = "min-w-7 rounded-sm border border-default-strong bg-neutral-secondary-soft px-1.5 text-center font-sans text-sm text-heading";
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

let count = 0;

/** A part of the list with its caption; nothing without options. */
export function group(caption, options) {
  if (!options.length) return [];
  const label = element("div", { role: "presentation", class: CAPTION }, caption);
  return [element("div", { role: "group", "aria-label": caption }, label, ...options)];
}

/** What was found in one chat, which names itself. */
export function chatGroup(title, options) {
  return element("div", { role: "group", "aria-label": title, class: "mb-2 border-b border-default pb-2 last:border-0" }, ...options);
}

export function commandOption({ control, words, keys, changes, isNamed }) {
  const hints = keys.map((key) => element("kbd", { class: KEY }, key));
  const shown = [element("span", { class: "min-w-0 flex-1" }, words), element("span", { class: "flex flex-none gap-1 max-sm:hidden", "aria-hidden": "true" }, ...hints)];
  const address = control.getAttribute("href") ?? "#";
  const made = address.startsWith("#") ? option("div", {}, ...shown) : option("a", { href: address }, ...shown);
  return Object.assign(made, { control, changes, isNamed });
}

export function chatOption({ thread_id: id, title, title_marks: marks = [], last_message_at: time, archived, href = `/chat/${id}/` }) {
  const name = element("span", { class: "min-w-0 flex-1 truncate", dir: "auto" }, ...(title ? marked(title, marks) : ["New chat"]));
  const notes = [archived && "Archived", shortTime(time)].filter(Boolean).join(" · ");
  return option("a", { href }, name, element("span", { class: NOTE }, notes));
}

/** A message that was found: who wrote it, the words around, and when. */
export function hitOption(threadId, { message_id: id, role, created_at: time, text, marks, in_another_version: isElsewhere }) {
  const notes = [role === "user" ? "You" : "Assistant", isElsewhere && "in another version", shortTime(time)].filter(Boolean);
  const made = option(
    "a",
    { href: `/chat/${threadId}/?at=${id}#m-${id}` },
    element(
      "span",
      { class: "min-w-0 flex-1 ps-3 border-s-2 border-default" },
      element("span", { class: "block line-clamp-2 wrap-anywhere text-[0.9375rem] text-body", dir: "auto" }, ...marked(text, marks)),
      element("span", { class: "block text-[0.8125rem] text-body-subtle" }, notes.join(" · ")),
    ),
  );
  return Object.assign(made, { message: { threadId, id, words: wordsOf(text, marks) } });
}

/** To a page of results. */
export function pageOption(words, query, chat = "") {
  return option("a", { href: addressOf(query, chat) }, element("span", { class: "min-w-0 flex-1 text-[0.9375rem] text-body-subtle" }, words));
}

function option(tag, attributes, ...children) {
  const id = `palette-option-${(count += 1)}`;
  return element(tag, { id, role: "option", "aria-selected": "false", tabindex: "-1", class: OPTION, ...attributes }, ...children);
}

/** The time for today, the day for this year, the date for anything earlier. */
export function shortTime(text, now = new Date()) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return "";
  if (time.toDateString() === now.toDateString()) return CLOCK.format(time);
  return (time.getFullYear() === now.getFullYear() ? DAY : DATE).format(time);
}
