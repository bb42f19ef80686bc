/** What the keyboard does on a chat's page: the list of chats, shortcuts, and a focus that is never lost. */
import { keepFocus } from "./focus.js";
import { startRoving } from "./roving.js";
import { search, startShortcuts } from "./shortcuts.js";

// Of an answer that has ended, and has a text.
const COPY_ANSWER = '[data-role="assistant"]:not([data-status="streaming"]) > .markdown-content:not(:empty) ~ * [data-action="copy"]';

const part = (id) => document.getElementById(id);

/** `actions` are those of shortcuts.js; moving between messages and copying them is added to them. */
export function startKeyboard(actions) {
  startRoving(part("thread-list"), part("thread-scroll"));
  keepFocus("#thread-list, #older", focusAfter);
  part("search-open")?.addEventListener("click", openSearch);
  const toChats = () => read("toChats", actions.focusField);
  startShortcuts({ toChats, ...(part("chat-messages") ? startReading() : {}), ...actions });
}

function openSearch(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab or window
  event.preventDefault();
  search();
}

function startReading() {
  const toAnswer = () => read("toAnswer");
  part("go-to-answer").addEventListener("click", toAnswer);
  return {
    toAnswer,
    toPrevious: () => read("toPrevious"),
    copyAnswer: () => pressLast(COPY_ANSWER),
    copyCode: () => pressLast(".code-copy"),
  };
}

/** Loaded at first use. Without the file, which a newer release may have removed, the focus stays. */
function read(name, ...given) {
  import("./reading.js").then((reading) => reading[name](...given), () => {});
}

/** At once: Safari lets only the key's own handler copy. False if there is no such button. */
function pressLast(selector) {
  const button = [...part("chat-messages").querySelectorAll(selector)].at(-1);
  button?.click();
  return Boolean(button);
}

/** From a deleted chat to another chat, from "Load older messages" to the conversation, from anything else to the message field. */
function focusAfter(home) {
  // The field would bring up a phone's keyboard.
  const isInConversation = home?.id === "older" || window.matchMedia("(pointer: coarse)").matches;
  return home?.querySelector('[tabindex="0"]') ?? part(isInConversation ? "chat-scroll" : "message");
}
