/** Words that the tests of the store share: a thread of alice's, and the frames that happen to it. */
import { initialState, reduce } from "../../static/src/chat/store.js";

export const THREAD = "0d6a3c0e-6f0b-4a3b-9a44-1f0e4a0f7a01";
export const ANSWER = "answer-1";

export function page(messages = [], more = {}) {
  return initialState({ threadId: THREAD, cursor: "ab12cd34:1", rev: 1, messages, ...more });
}

export function user(content, more = {}) {
  return { id: "question-1", client_id: "client-1", role: "user", status: "final", content, ...more };
}

export function assistant(content, status = "streaming", more = {}) {
  return { id: ANSWER, role: "assistant", status, content, ...more };
}

export function delta(pos, text, id = ANSWER) {
  return { type: "response.output_text.delta", message_id: id, pos, delta: text };
}

export function snapshot(messages, more = {}) {
  return { type: "thread.snapshot", cursor: "ab12cd34:9", rev: 9, title: "Eggs", part: 1, parts: 1, messages, running: null, ...more };
}

/** Plays frames one after the other: the state at the end, and all effects in order. */
export function play(state, ...frames) {
  const effects = [];
  for (const frame of frames) {
    const step = reduce(state, frame);
    state = step.state;
    effects.push(step.effects);
  }
  return { state, effects, last: effects.at(-1), syncs: effects.filter(({ sync }) => sync).length };
}

export function textOf(state, id = ANSWER) {
  return state.messages.find((message) => message.id === id)?.content;
}

export function statusOf(state, id = ANSWER) {
  return state.messages.find((message) => message.id === id)?.status;
}

/** A clock that the test moves by `pass`: timers that fall due run in the order in which they were set. */
export function clock() {
  const timers = new Map();
  const it = {
    now: 0,
    setTimeout(action, ms) {
      const id = Symbol("timer");
      timers.set(id, { action, at: it.now + ms });
      return id;
    },
    clearTimeout: (id) => timers.delete(id),
    pass(ms) {
      const end = it.now + ms;
      for (let due; (due = [...timers].find(([, { at }]) => at <= end)); ) {
        const [id, { action, at }] = due;
        timers.delete(id);
        it.now = at;
        action();
      }
      it.now = end;
    },
  };
  return it;
}
