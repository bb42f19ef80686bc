/** The list of chats, divided: each group has a heading and a list of its own. Without JavaScript it is one list. */
import { spanOf } from "./days.js";
import { element } from "./elements.js";

const PINNED = { name: "Pinned", from: Infinity };
const HEADING = "px-3 pt-4 pb-1 text-xs font-strong text-body-subtle";

/** Divides the rows, which are in order, by the day it is now. */
export function divide(list) {
  const focused = list.contains(document.activeElement) && document.activeElement;
  for (const row of list.querySelectorAll("[data-thread-id]")) listFor(row, list).append(row);
  dropEmpty(list);
  if (focused) focused.focus({ preventScroll: true });
}

/** The group's list that a row belongs into. */
export function listFor({ dataset: { pinned, lastMessageAt } }, list) {
  const { name, from } = pinned === undefined ? spanOf(Date.parse(lastMessageAt), new Date()) : PINNED;
  const groups = [...list.children];
  let group = groups.find(({ dataset }) => Number(dataset.from) === from);
  if (!group) list.insertBefore((group = newGroup(from)), groups.find(({ dataset }) => !(dataset.from > from)) ?? null);
  const [heading, rows] = group.children;
  if (heading.textContent !== name) heading.textContent = name;
  return rows;
}

/** What has no rows, or is not a group. */
export function dropEmpty(list) {
  for (const group of [...list.children]) if (!group.querySelector("li")) group.remove();
}

function newGroup(from) {
  const id = `chats-${from}`;
  return element("section", { "data-from": from }, element("h2", { id, class: HEADING }), element("ol", { "aria-labelledby": id }));
}
