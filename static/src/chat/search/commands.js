/** What the search dialog can do besides finding: one table. Each command presses what the page has for it, and is not offered where there is nothing to press. */
import { element } from "../elements.js";
import { request } from "../requests.js";
import { offerLater } from "../undo.js";
import { stored } from "./jump.js";

// `words` where the control's own would say too little. `also` is what people call it. `does` names its shortcut. A command with a `verb`
// changes something at once: the dialog proposes it only when this word is typed whole.
const COMMANDS = [
  { at: "#new-chat", words: "New chat", also: "start begin", does: "newChat", isShown: true },
  { at: "#rename-open", words: "Rename this chat", also: "title name", isShown: true },
  { make: pinControl, also: "favorite top", verb: /^(un)?pin$/, isShown: true },
  { make: archiveControl, also: "archive hide", verb: /^(un)?archive$/, isShown: true },
  { at: "#delete-thread", words: "Delete this chat", also: "remove", verb: /^delete$/, isShown: true },
  { make: () => element("a", { href: "/chat/archived/" }, "Archived chats"), also: "archive hidden", isShown: true },
  { at: '#account-menu a[href="/accounts/settings/"]', words: "Settings", also: "preferences account password", isShown: true },
  { at: "#theme-toggle", also: "theme dark light mode color", verb: /^(theme|dark|light)$/, isShown: true },
  { at: '#account-menu a[href="/usage/"]', words: "Usage", also: "cost budget money" },
  { at: '#account-menu a[href="/admin/"]', words: "Administration", also: "admin" },
  { at: '#account-menu [data-shortcuts]', words: "Keyboard shortcuts", also: "help keys", does: "list", isShown: true },
  { at: "#go-to-answer", words: "Go to the newest answer", does: "toAnswer" },
  { at: '#account-menu form[action="/accounts/logout/"] button', words: "Log out", also: "sign out leave", verb: /^out$/ },
];

/**
 * `{control, words, keys, changes, isNamed}` of each command that the page has and the text names; for no text, those that are shown first.
 * `changes`: it changes something at once; `isNamed`: and the text says what.
 */
export function commandsFor(text, hintOf) {
  const typed = wordsIn(text);
  return COMMANDS.flatMap(({ at, make, words, also = "", does, verb, isShown }) => {
    const control = at ? document.querySelector(at) : make();
    const name = words ?? (control && wordsOn(control));
    if (!control || !(typed.length ? names(typed, `${name} ${also}`) : isShown)) return [];
    return [{ control, words: name, keys: hintOf(does), changes: Boolean(verb), isNamed: typed.some((word) => verb?.test(word)) }];
  });
}

// -- what has no control of its own on the page -------------------------------------------------------------------

function pinControl() {
  const isPinned = "pinned" in document.getElementById("chat").dataset;
  return poster(isPinned ? "Unpin this chat" : "Pin this chat", "pin/", { pinned: isPinned ? "0" : "1" });
}

function archiveControl() {
  const isArchived = "archived" in document.getElementById("chat").dataset;
  const done = () => document.getElementById("archived-notice") && window.location.reload();
  if (isArchived) return poster("Unarchive this chat", "archive/", { archived: "0" }, done);
  return poster("Archive this chat", "archive/", { archived: "1" }, leaveArchived);
}

/** To a new chat, whose page offers to undo it. */
function leaveArchived(threadId) {
  const write = (key, offer) => stored((storage) => storage.setItem(key, JSON.stringify(offer)));
  offerLater({ write }, { action: "archive", ids: [threadId], back: threadId });
  window.location.assign("/chat/");
}

/** A button for the chat that is open; null on the page of a new one. Every tab hears of the change. */
function poster(words, path, fields, done = () => {}) {
  const { threadId } = document.getElementById("chat").dataset;
  const button = threadId && element("button", {}, words);
  if (button) button.addEventListener("click", () => post(threadId, path, fields, done));
  return button || null;
}

async function post(threadId, path, fields, done) {
  const { problem } = await request(`/chat/${threadId}/${path}`, fields);
  if (document.getElementById("chat").dataset.threadId !== threadId) return; // the reader is in another chat by now
  if (!problem) return done(threadId);
  const place = document.getElementById("composer-error");
  [place.textContent, place.hidden] = [problem, false];
}

/** Each typed word begins a word of the command. */
export function names(typed, command) {
  const own = wordsIn(command);
  return typed.every((word) => own.some((one) => one.startsWith(word)));
}

function wordsIn(text) {
  return text.toLowerCase().split(/[\s:,.]+/).filter(Boolean);
}

function wordsOn(control) {
  return (control.ariaLabel || control.textContent).trim().replace(/^Theme: .*Change to/, "Change the theme to");
}
