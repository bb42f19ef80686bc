/** What the search dialog can do besides finding: one table. Each command presses what the page has for it, and is not offered where there is nothing to press. */

// `words` where the control's own would say too little. `also` is what people call it. `does` names its shortcut.
const COMMANDS = [
  { at: "#new-chat", words: "New chat", also: "start begin", does: "newChat", isShown: true },
  { at: "#rename-open", words: "Rename this chat", also: "title name", isShown: true },
  { at: "#chat-menu [data-command=pin]", also: "pin unpin favorite", isShown: true },
  { at: "#chat-menu [data-command=archive]", also: "archive hide", isShown: true },
  { at: "#delete-thread", words: "Delete this chat", also: "remove", isShown: true },
  { at: '#chat-sidebar a[href="/chat/archived/"]', words: "Archived chats", also: "archive hidden", isShown: true },
  { at: '#account-menu a[href="/accounts/settings/"]', words: "Settings", also: "preferences account password", isShown: true },
  { at: "#theme-toggle", also: "theme dark light mode color", isShown: true },
  { at: '#account-menu a[href="/usage/"]', words: "Usage", also: "cost budget money" },
  { at: '#account-menu a[href="/admin/"]', words: "Administration", also: "admin" },
  { at: '#account-menu [data-shortcuts]', words: "Keyboard shortcuts", also: "help keys", does: "list", isShown: true },
  { at: "#go-to-answer", words: "Go to the newest answer", does: "toAnswer" },
  { at: '#account-menu form[action="/accounts/logout/"] button', words: "Log out", also: "sign out leave" },
];

/** `{control, words, keys}` of each command that the page has and the text names; for no text, those that are shown first. */
export function commandsFor(text, hintOf) {
  const typed = wordsIn(text);
  return COMMANDS.flatMap(({ at, words, also = "", does, isShown }) => {
    const control = document.querySelector(at);
    if (!control || !(typed.length ? names(typed, `${words ?? ""} ${also}`) : isShown)) return [];
    return [{ control, words: words ?? wordsOn(control), keys: hintOf(does) }];
  });
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
