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
  const thought = { reasoning: "", reasoning_ms: null, thinking: false, ahead: 0, thoughtsAhead: 0 };
  return { ...empty, ...thought, retryable: true, can_continue: false, continues: false, ...message };
}

export function answer(id) {
  return complete({ id, role: "assistant", status: "streaming" });
}

/** The incoming message, unless it would make a finished one run again; what only this tab knows about it is kept. */
export function settled(known, incoming) {
  if (!known) return incoming;
  if (isFinished(known) && !isFinished(incoming)) return known;
  const next = { ...incoming, tools: incoming.tools.length ? incoming.tools : known.tools };
  return isFinished(incoming) ? next : { ...next, ...furthest(known, next) };
}

/**
 * A running answer's text never gets shorter. Rows are up to a second behind what tabs have seen, and without Redis they are all
 * that a snapshot has: if the server's text is only the beginning of what the tab shows, the rest stays, `ahead` of that text,
 * until the server sends the same or something else. Positions count the server's text only.
 */
export function furthest(known, { content, reasoning, reasoning_ms, thinking }) {
  const [shown, ahead] = longer(known.content, content);
  const [thoughts, thoughtsAhead] = longer(known.reasoning, reasoning);
  const time = ahead || thoughtsAhead ? known : { reasoning_ms, thinking };
  return { content: shown, ahead, reasoning: thoughts, thoughtsAhead, reasoning_ms: time.reasoning_ms, thinking: time.thinking };
}

function longer(shown, word) {
  return shown.startsWith(word) ? [shown, shown.length - word.length] : [word, 0];
}

/** The text after a delta; null if something before the delta is missing. */
export function withDelta({ content = "", ahead = 0 } = {}, pos, piece) {
  const joined = joinedAt(content, ahead, pos, piece);
  return joined && { content: joined[0], ahead: joined[1] };
}

/** The same for the reasoning. Its time belongs to the text that is shown. */
export function withThoughts({ reasoning = "", thoughtsAhead = 0 } = {}, { pos, delta: piece, ms }) {
  const joined = joinedAt(reasoning, thoughtsAhead, pos, piece);
  if (!joined) return null;
  const time = joined[1] ? {} : { reasoning_ms: ms, thinking: true };
  return { reasoning: joined[0], thoughtsAhead: joined[1], ...time };
}

function joinedAt(shown, ahead, pos, piece) {
  const overlap = shown.length - ahead - pos;
  if (overlap < 0) return null;
  return longer(shown, shown.slice(0, shown.length - ahead) + piece.slice(overlap));
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
