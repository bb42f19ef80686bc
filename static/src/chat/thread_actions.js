/** What is done to chats from the list; what takes them out of it can be undone. */
import { changeChats } from "./bulk.js";
import { offerUndo, say } from "./undo.js";

const LEAVES = new Set(["archive", "delete"]);

/** One after another: a chat that the one before took out of the list is not asked for again. */
export function act(page, action, ids) {
  const next = () => change(page, action, ids);
  page.acting = Promise.resolve(page.acting).then(next, next);
}

async function change(page, action, chosen) {
  const ids = chosen.filter(isListed);
  if (!ids.length) return;
  const { done, problem } = await changeChats(action, ids);
  if (done.length && LEAVES.has(action)) return leave(page, action, done, problem);
  for (const id of done) page.sidebar.update({ thread_id: id, pinned: action === "pin" });
  if (problem) say(page, problem);
  else if (!LEAVES.has(action)) page.announce(action === "pin" ? "Chat pinned" : "Chat unpinned");
}

/** The deleted chat may be the one that the page shows: then a new chat takes its place. */
function leave(page, action, ids, problem) {
  const { sidebar } = page;
  const back = action === "delete" && ids.includes(sidebar.currentId) ? sidebar.currentId : "";
  for (const id of ids) sidebar.remove({ thread_id: id });
  offerUndo(page, { action, ids, back, problem });
  if (back) window.location.assign("/chat/");
}

function isListed(id) {
  return document.querySelector(`#thread-list [data-thread-id="${id}"]`);
}
