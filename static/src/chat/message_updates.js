/** Messages of a thread as values: how a message is made, found, changed and ordered. */

/** The answer that is being written, or undefined. */
export function runningAnswer(state) {
  return state.messages.findLast((message) => message.role === "assistant" && !isFinished(message));
}

export function hasPending(state) {
  return state.messages.some((message) => message.pending);
}

export function isFinished(message) {
  return message.status !== "streaming";
}

export function findMessage(state, id) {
  return state.messages.find((message) => message.id === id);
}

export function complete(message) {
  const empty = { client_id: null, status: "final", content: "", error: null, created_at: null, tools: [] };
  return { ...empty, reasoning: "", reasoning_ms: null, thinking: false, retryable: true, can_continue: false, continues: false, ...message };
}

export function answer(id) {
  return complete({ id, role: "assistant", status: "streaming" });
}

/** The incoming message, unless it would make a finished one run again; tool calls that only this tab knows are kept. */
export function settled(known, incoming) {
  if (!known) return incoming;
  if (isFinished(known) && !isFinished(incoming)) return known;
  return { ...incoming, tools: incoming.tools.length ? incoming.tools : known.tools };
}

/** Changes one answer; an answer that the tab does not know yet begins here. */
export function written(state, id, change) {
  if (!findMessage(state, id)) return appended(state, { ...answer(id), ...change });
  const messages = state.messages.map((message) => (message.id === id ? { ...message, ...change } : message));
  return { ...state, messages };
}

/** Stored messages come before those that are still being sent. */
export function appended(state, message) {
  const stored = state.messages.filter((other) => !other.pending);
  const pending = state.messages.filter((other) => other.pending);
  return { ...state, messages: [...stored, message, ...pending] };
}

export function withoutPending(state, clientId) {
  return { ...state, messages: state.messages.filter((m) => !(m.pending && m.client_id === clientId)) };
}

const UNFINISHED = "It did not finish.";

/** A tool that is still running when its answer ends has failed; the server stores the same. */
export function endedTools({ tools }) {
  if (!tools.some(({ status }) => status === "running")) return tools;
  return tools.map((tool) => (tool.status === "running" ? { ...tool, status: "failed", output: UNFINISHED } : tool));
}
