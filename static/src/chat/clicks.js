/** The buttons of messages, and of the notices about them. */
import { copyBy, selected } from "../copy.js";
import { findMessage } from "./message_updates.js";

const LEAVING = new Set(["retry", "continue", "version", "show"]);

/** `page`: `state()`, `stop(id)`, `takeBack(message)`, `announce(text)`, and `later`. */
export function act(page, event) {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  const { action } = button.dataset;
  const state = page.state();
  if (state.detached && LEAVING.has(action)) return; // the form or the link, which leads to the latest messages
  event.preventDefault();
  if (action === "reload") window.location.reload();
  if (action === "stop-elsewhere") page.stop(state.elsewhere);
  const message = findMessage(state, button.closest("article")?.dataset.messageId);
  if (action === "show") page.later.act(message, button);
  if (!message) return;
  if (action === "cancel") page.takeBack(message);
  else if (action === "copy") copy(page, button, message);
  else if (action === "edit") page.later.edit(message);
  else page.later.act(message, button);
}

async function copy(page, button, { role, content }) {
  const element = button.closest("article").querySelector(".markdown-content");
  const done = await copyBy(button.querySelector("span"), element, content);
  const copied = role === "user" ? "Message copied" : "Answer copied";
  page.announce(done ? copied : selected().sentence);
}
