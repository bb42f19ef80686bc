/** Changes of many chats by one request; every tab hears of them. */
import { request } from "./requests.js";

const ADDRESS = "/chat/bulk/";
const MOST = 500; // of one request

/** `{done, problem}`: the ids of the reader's own chats that are changed, and a sentence if not all were reached. */
export async function changeChats(action, ids, send = window.fetch) {
  const done = [];
  for (let at = 0; at < ids.length; at += MOST) {
    const chosen = ids.slice(at, at + MOST).map((id) => ["thread_id", id]);
    const { problem, done: some } = await request(ADDRESS, [["action", action], ...chosen], send);
    if (problem) return { done, problem };
    done.push(...some);
  }
  return { done };
}

/** `Chat deleted`, `12 chats deleted`. */
export function counted(count, words) {
  return count === 1 ? `Chat ${words}` : `${count.toLocaleString("en")} chats ${words}`;
}
