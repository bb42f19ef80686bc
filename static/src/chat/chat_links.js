/** Addresses of the reader's chats in plain text, such as the result of a search, as links. */

const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const CHAT = new RegExp(`/chat/${ID}/?(?:\\?at=${ID}#m-${ID})?`, "g");

/** The same text as nodes. */
export function withChatLinks(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: address, index } of text.matchAll(CHAT)) {
    nodes.push(text.slice(end, index), link(address));
    end = index + address.length;
  }
  return [...nodes, text.slice(end)];
}

function link(address) {
  const anchor = document.createElement("a");
  anchor.className = "underline underline-offset-2";
  anchor.href = address;
  anchor.textContent = address;
  return anchor;
}
