/**
 * Links from chat to chat change the page in place, by the browser's Navigation API. Without it, and in all other cases, the browser
 * loads a page.
 */
const CHAT = /^\/chat\/([0-9a-f-]{36})\/$/;
const MANUAL = { scroll: "manual", focusReset: "manual" };

/** `chat` is the one of chat.js. */
export function startMoving(chat) {
  let moving = null;
  window.navigation?.addEventListener("navigate", (event) => {
    const threadId = destinationOf(event);
    if (!threadId || window.location.search || !CHAT.test(window.location.pathname)) return;
    const from = navigation.currentEntry.key;
    if (!chat.page.canMove) {
      // Between entries of this page the browser would change nothing but the address.
      const isElsewhere = event.destination.sameDocument && threadId !== chat.main.dataset.threadId;
      return isElsewhere && event.intercept({ ...MANUAL, handler: () => load(event.destination.url, chat.page, from) });
    }
    const handler = async () => {
      moving ??= import("./moving.js").then(({ Moving }) => new Moving(chat));
      const isBack = event.navigationType === "traverse";
      const arrival = { threadId, from, isBack, signal: event.signal };
      await moving.then((there) => there.move(arrival), () => window.location.reload()); // a newer release has removed the file
    };
    event.intercept({ ...MANUAL, handler });
  });
}

/** The address is that of the chat on the page also when the reader is asked about text that would be lost, and stays. */
async function load(address, { wouldLose }, from) {
  if (!wouldLose) return window.location.reload();
  await navigation.traverseTo(from).finished;
  window.location.assign(address);
}

/** The id of the thread, if this is nothing but a way to one. */
function destinationOf({ canIntercept, hashChange, downloadRequest, formData, navigationType, destination }) {
  if (!canIntercept || hashChange || formData || navigationType === "reload" || typeof downloadRequest === "string") return "";
  const { pathname, search } = new URL(destination.url);
  return search ? "" : (CHAT.exec(pathname)?.[1] ?? "");
}
