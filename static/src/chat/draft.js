/** Unsent text, one draft per thread, kept for as long as the tab lives. */

export function draftOf(threadId) {
  const key = `draft:${threadId || "new"}`;
  return { read: () => attempt(() => sessionStorage.getItem(key)) ?? "", write: (text) => attempt(() => put(key, text)) };
}

/** The tab's storage, or null if the browser refuses it. */
export function tabStorage() {
  return attempt(() => sessionStorage) ?? null;
}

function put(key, text) {
  if (text) sessionStorage.setItem(key, text);
  else sessionStorage.removeItem(key);
}

/** Private windows and full storage throw; a draft is not worth an error. */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
