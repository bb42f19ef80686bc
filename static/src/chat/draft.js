/** What is written and not yet sent, kept for as long as the tab lives, one for each thread. */

export function draftOf(threadId) {
  const key = `draft:${threadId || "new"}`;
  return { read: () => attempt(() => sessionStorage.getItem(key)) ?? "", write: (text) => attempt(() => put(key, text)) };
}

/** The tab's storage, or null where the browser refuses it. */
export function tabStorage() {
  return attempt(() => sessionStorage) ?? null;
}

function put(key, text) {
  if (text) sessionStorage.setItem(key, text);
  else sessionStorage.removeItem(key);
}

/** Private windows and full storage throw; a draft is a convenience and not worth an error. */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
