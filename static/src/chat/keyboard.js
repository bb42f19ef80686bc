/** What the keyboard does on a chat's page: the list of chats, shortcuts, and a focus that is never lost. */
import { keepFocus } from "./focus.js";
import { Reading } from "./reading.js";
import { startRoving } from "./roving.js";
import { startShortcuts } from "./shortcuts.js";

const part = (id) => document.getElementById(id);

/** `actions` are those of shortcuts.js; moving between messages is added to them. */
export function startKeyboard(actions) {
  startRoving(part("thread-list"));
  keepFocus("#thread-list, #older", focusAfter);
  startShortcuts({ ...(part("chat-messages") ? startReading() : {}), ...actions });
}

function startReading() {
  const reading = new Reading(part("chat-messages"), part("chat-scroll"));
  const toAnswer = () => reading.toAnswer();
  part("go-to-answer").addEventListener("click", toAnswer);
  return { toAnswer, toPrevious: () => reading.toPrevious() };
}

/** From a deleted chat to another chat, from "Load older messages" to the conversation, from anything else to the message field. */
function focusAfter(home) {
  // The field would bring up a phone's keyboard.
  const isInConversation = home?.id === "older" || window.matchMedia("(pointer: coarse)").matches;
  return home?.querySelector('a[tabindex="0"]') ?? part(isInConversation ? "chat-scroll" : "message");
}
