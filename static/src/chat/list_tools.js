/** What is done to chats in the list: its scripts are loaded when they are first needed. Without JavaScript there are pages for it. */
import { tabStorage } from "./storage.js";

const KEYS = new Set(["F2", "Delete"]);
const PAGE = "/chat/list/"; // of all chats, to choose from

export function startListTools({ sidebar: list, announce }) {
  const storage = tabStorage();
  const page = { sidebar: list, announce, storage };
  const sidebar = document.getElementById("chat-sidebar");
  const use = (name, ...given) => import("./thread_tools.js").then((tools) => tools[name](page, ...given), () => window.location.assign(PAGE));
  sidebar.addEventListener("click", (event) => {
    const { target, ctrlKey, metaKey, shiftKey } = event;
    const more = target.closest(".thread-more");
    if (more) return use("openMenu", more);
    if (!target.closest("#select-threads") || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    use("select");
  });
  sidebar.addEventListener("keydown", (event) => {
    const { key, target, repeat, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (!KEYS.has(key) || !target.matches(".thread-link") || altKey || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    if (repeat) return; // a key that is held deletes one chat
    use("press", target.closest("li"), key);
  });
  sidebar.addEventListener("pointerover", ({ target }) => {
    const title = target.closest(".thread-link")?.querySelector(".thread-title");
    if (title) title.title = title.scrollWidth > title.clientWidth ? title.textContent : ""; // the whole of one that is cut
  });
  if (storage.read("undo")) use("offerAgain");
}
