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
  return { ...empty, ...thought, retryable: true, can_continue: false, continues: false, versions: [], ...message };
}

export function answer(id, parent) {
  return complete({ id, parent_id: parent, role: "assistant", status: "streaming" });
}

/** The incoming message, unless it would make a finished one run again; what only this tab knows about it is kept. */
export function settled(known, incoming) {
  if (!known) return incoming;
  if (isFinished(known) && !isFinished(incoming)) return { ...known, versions: incoming.versions };
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

/** Changes one message that is shown. */
export function written(state, id, change) {
  const messages = state.messages.map((message) => (message.id === id ? { ...message, ...change } : message));
  return { ...state, messages };
}

/**
 * The path with a message after its parent: what was there is of another version, and goes. Null if the parent is not shown. A
 * server of an older release names no parent: it has one version of everything. Messages that are still being sent stay last.
 */
export function placed(state, message) {
  const stored = storedOf(state);
  const { parent_id: parent } = message;
  const above = parent === undefined ? stored.length : parent && stored.findIndex(({ id }) => id === parent) + 1;
  if (above === 0 && parent) return null;
  const pending = state.messages.filter((other) => other.pending);
  return { ...state, messages: [...stored.slice(0, above ?? 0), message, ...pending] };
}

export function lastOf(state) {
  return storedOf(state).at(-1);
}

export function storedOf({ messages }) {
  return messages.filter((message) => !message.pending);
}

/** The message is shown after another one than its parent. */
export function isMisplaced({ messages }, { id, parent_id: parent }) {
  const above = messages[messages.findIndex((message) => message.id === id) - 1];
  return parent !== undefined && Boolean(above) && above.id !== parent;
}

/** As the page shows them: what is sent as another version of a question is at its place, and what will be queued is not among them. */
export function shownOf({ messages }) {
  const edited = messages.find(({ pending, edits }) => pending && edits)?.edits;
  const end = messages.findIndex(({ id }) => id === edited);
  return messages.filter(({ pending, waits }, index) => (pending ? !waits : end < 0 || index < end));
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
