/** To a message that was found, on this page or on the page that opens: it gets the focus, and an outline for a moment; its words are highlighted. */
import { highlight } from "./marks.js";

const OUTLINED_MS = 2_000;
const KEY = "found";

const part = (id) => document.getElementById(id);

let timer;

/** Whether the message is on this page. */
export function isHere({ threadId, id }) {
  return part("chat").dataset.threadId === threadId && Boolean(part(`m-${id}`));
}

/** For the page that opens: the words are not in its address, where logs would have them. */
export function remember(message) {
  stored((storage) => storage.setItem(KEY, JSON.stringify(message)));
}

/** The words to highlight in this message, once. */
export function remembered(id) {
  const message = stored((storage) => JSON.parse(storage.getItem(KEY)));
  stored((storage) => storage.removeItem(KEY));
  return message?.id === id ? message.words : [];
}

/** Private windows refuse. */
export function stored(action) {
  try {
    return action(window.sessionStorage);
  } catch {
    return null;
  }
}

/** Without `words`, those that a search has left for this page. */
export function jump({ id, words = remembered(id) }) {
  const article = part(`m-${id}`);
  if (!article) return;
  document.querySelector("[data-found]")?.removeAttribute("data-found");
  article.tabIndex = -1;
  article.focus({ preventScroll: true });
  article.dataset.found = "";
  article.scrollIntoView({ block: "start" });
  window.clearTimeout(timer);
  timer = window.setTimeout(() => delete article.dataset.found, OUTLINED_MS);
  highlight(article.querySelector(".markdown-content"), words);
}
