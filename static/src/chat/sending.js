/** Messages that are sent and not stored yet: kept until then, or put back into the message field. */
import { newId } from "./ids.js";
import { findMessage, hasPending, lastOf, runningAnswer } from "./message_updates.js";

const BUSY = "Wait for the answer to finish, or stop it first.";
const SENDS_WITHIN_MS = 86_400_000;

export class Sending {
  #outbox;
  #page;

  /** `page`: `state()`, `dispatch(frame)`, `toQuestion()`, and the parts `composer`, `connection` and `later`. */
  constructor(outbox, page) {
    this.#outbox = outbox;
    this.#page = page;
  }

  get messages() {
    return this.#outbox.messages;
  }

  /** Whether closing the page would lose a message. */
  get wouldLose() {
    return this.#outbox.wouldLose;
  }

  get isBusy() {
    const state = this.#page.state();
    return Boolean(runningAnswer(state)) || hasPending(state);
  }

  settle(clientId) {
    this.#outbox.settle(clientId);
  }

  /** While an answer is being written, the message waits in the queue; one with `edits` is another version of a question. */
  send(content, clientId, model, edits) {
    const { state, dispatch, connection, later } = this.#page;
    const place = edits ? { edits } : { queue: true, head_id: lastOf(state())?.id };
    const message = { client_id: clientId, content, model, created_at: new Date().toISOString(), ...place };
    this.#outbox.add(message);
    dispatch({ type: "local.send", ...message, queue: message.queue && later.hasQueue });
    if (!state().messages.at(-1).waits) this.#page.toQuestion();
    if (connection.isUp) connection.post(message);
    else connection.hurry();
    connection.watch();
  }

  /** A sentence if the text can't be sent. */
  sendVersion(text, id) {
    const { composer } = this.#page;
    const problem = this.isBusy ? BUSY : composer.problemOf(text);
    if (!problem) this.send(text, newId(), composer.model, id);
    return problem;
  }

  /** A message waiting for room on the server goes back into the field. */
  takeBack(clientId) {
    this.#page.dispatch({ type: "nack", client_id: clientId, code: "cancelled", message: "" });
    this.#page.composer.focus();
  }

  refused({ client_id: clientId, code, message }) {
    const { state, later, composer } = this.#page;
    const refused = this.messages.find((other) => other.client_id === clientId);
    this.settle(clientId);
    const edited = code !== "not_found" && findMessage(state(), refused?.edits);
    if (edited) later.edit(edited, { text: refused.content, sentence: message });
    else composer.putBack(refused?.content ?? "", message, code !== "too_late" && clientId);
  }

  /** What the page before this one has not sent. A message that a closed tab left more than a day ago is not sent by itself. */
  takeOver() {
    const { dispatch, composer } = this.#page;
    for (const message of this.messages) {
      const { client_id: clientId, content, created_at: at } = message;
      if (Date.parse(at) > Date.now() - SENDS_WITHIN_MS) {
        dispatch({ type: "local.send", ...message, queue: false }); // no list yet
        continue;
      }
      this.settle(clientId);
      composer.putBack(content, "Your message was not sent. Send it again.", clientId);
    }
  }

  /** Pending messages go back into the field: the thread or the login is gone. */
  returnAll(sentence) {
    for (const { client_id: clientId } of this.messages) {
      this.#page.dispatch({ type: "nack", client_id: clientId, code: "not_found", message: sentence });
    }
  }
}
