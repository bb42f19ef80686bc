/** The page of results: the chat that opens highlights the words that were found. */
import { remember } from "./jump.js";

export function startResults(list) {
  list.addEventListener("click", ({ target }) => {
    const link = target.closest('a[href*="?at="]');
    if (link) remember(messageOf(link));
  });
}

function messageOf(link) {
  const words = [...link.querySelectorAll("mark")].map(({ textContent }) => textContent);
  return {
    threadId: link.closest("[data-thread-id]").dataset.threadId,
    id: link.closest("[data-message-id]").dataset.messageId,
    words: [...new Set(words)],
  };
}
