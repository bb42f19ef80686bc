/**
 * What a tab knows about its thread: state + frame → new state + effects. No DOM, no clock, no socket.
 *
 * The transport may repeat frames, reorder them at a reconnect, or lose them. Three rules make that harmless: everything
 * is an upsert by id, a finished status never goes back, and a delta fits by its position or is refused.
 * Effects say what the page must do:
 * {sync, acked, nacked, resendIn, announce, warn, thread, removed, ended, older, live, models, theme, enterKey, threads}.
 */
import { sha8 } from "./digest.js";
import { endingOf } from "./reconnect.js";
import {
  answer, appended, complete, endedTools, findMessage, furthest, isFinished, runningAnswer, settled, withDelta, withoutPending,
  withThoughts, written,
} from "./message_updates.js";

export function initialState({ threadId, cursor = "", rev = 0, title = "", messages = [] }) {
  const shown = { title, titleRev: rev, messages: messages.map(complete) };
  return { threadId, cursor, rev, ...shown, wantSnapshot: false, parts: null };
}

const HANDLERS = new Map([
  ["thread.snapshot", snapshot],
  ["message.created", created],
  ["response.started", started],
  ["response.output_text.delta", delta],
  ["response.reasoning.delta", reasoningDelta],
  ["response.reasoning.done", reasoningDone],
  ["response.text", wholeText],
  ["response.tool_call", toolCall],
  ["final", final],
  ["response.error", failed],
  ["ack", ack],
  ["nack", nack],
  ["thread.title.updated", titleUpdated],
  ["thread.updated", threadUpdated],
  ["thread.deleted", threadDeleted],
  ["thread.list", threadList],
  ["theme.changed", themeChanged],
  ["enter_key.changed", enterKeyChanged],
  ["live", live],
  ["models.unavailable", modelsUnavailable],
  ["error", error],
  ["local.send", localSend],
  ["local.older", localOlder],
  ["local.title", localTitle],
  ["local.doubt", (state) => needsSync(state)],
]);

export function reduce(state, frame) {
  const handle = HANDLERS.get(frame.type);
  // A newer server may send frames that this page does not know; the state stays right without them.
  if (!handle) return unchanged(state);
  const { state: next, effects } = handle(state, frame);
  if (frame.type === "thread.snapshot") return { state: next, effects };
  const placed = atPosition(next, frame);
  return skipsChange(state, frame) ? needsSync(placed, effects) : { state: placed, effects };
}

// -- frames -----------------------------------------------------------------------------------------------------

/** Parts count from 1. Nothing is shown before the last part: half a thread is worse than the old state. */
function snapshot(state, frame) {
  const { part = 1, parts = 1 } = frame;
  const collected = part === 1 ? [] : state.parts;
  if (!collected || collected.length !== part - 1) return needsSync({ ...state, parts: null });
  const pages = [...collected, frame.messages];
  if (part < parts) return changed({ ...state, parts: pages });
  return replaced({ ...state, parts: null, wantSnapshot: false }, frame, pages.flat());
}

function replaced(state, frame, fresh) {
  const stored = state.messages.filter((message) => !message.pending);
  const incoming = fresh.map((message) => settled(findMessage(state, message.id), complete(message)));
  const known = new Set(incoming.map((message) => message.id));
  const sent = new Set(incoming.map((message) => message.client_id).filter(Boolean));
  const pending = state.messages.filter((message) => message.pending && !sent.has(message.client_id));
  // Messages loaded above the snapshot stay if the two overlap; otherwise keeping them would leave a silent gap.
  const meeting = stored.findIndex((message) => known.has(message.id));
  const above = stored.slice(0, Math.max(meeting, 0)).filter((message) => !known.has(message.id));
  const messages = [...above, ...incoming, ...pending];
  const title = frame.title ?? state.title;
  const rev = frame.rev ?? state.rev;
  const next = { ...state, cursor: frame.cursor ?? state.cursor, rev, title, titleRev: rev, messages };
  const effects = { acked: [...sent], thread: { thread_id: state.threadId, title } };
  if (!above.length && frame.has_older !== undefined) effects.older = olderOf(frame);
  return changed(next, effects);
}

/** Nothing is kept above the snapshot: older messages begin where the server says. */
function olderOf({ has_older, older_cursor }) {
  return { has_older, older_cursor };
}

function created(state, { message }) {
  const acked = message.client_id ? [message.client_id] : [];
  const known = findMessage(state, message.id);
  // A replay repeats how the message began; it must not undo what came since.
  if (known) return changed(withoutPending(state, message.client_id), { acked });
  const position = state.messages.findIndex((other) => other.pending && other.client_id === message.client_id);
  if (position < 0 || !message.client_id) return changed(appended(state, complete(message)), { acked });
  return changed({ ...state, messages: state.messages.with(position, complete(message)) }, { acked });
}

function started(state, { message_id: id }) {
  if (findMessage(state, id)) return unchanged(state);
  return changed(appended(state, answer(id)));
}

function delta(state, frame) {
  const message = findMessage(state, frame.message_id);
  if (message && isFinished(message)) return unchanged(state);
  const next = withDelta(message, frame.pos, frame.delta);
  return next ? changed(written(state, frame.message_id, next)) : needsSync(state);
}

/** The same rules as for text. */
function reasoningDelta(state, frame) {
  const message = findMessage(state, frame.message_id);
  if (message && isFinished(message)) return unchanged(state);
  const next = withThoughts(message, frame);
  return next ? changed(written(state, frame.message_id, next)) : needsSync(state);
}

function reasoningDone(state, { message_id: id, ms }) {
  const message = findMessage(state, id);
  if (message && isFinished(message)) return unchanged(state);
  if (message?.thoughtsAhead) return unchanged(state);
  return changed(written(state, id, { reasoning_ms: ms, thinking: false }));
}

/** A server of an older release leaves the reasoning out. */
function wholeText(state, { message_id: id, text: content, reasoning = "", reasoning_ms = null, thinking = false }) {
  const message = findMessage(state, id);
  if (message && isFinished(message)) return unchanged(state);
  return changed(written(state, id, furthest(message ?? answer(id), { content, reasoning, reasoning_ms, thinking })));
}

function toolCall(state, frame) {
  const { message_id: id, call_id, name, status, arguments: args, output, title, detail } = frame;
  const tools = findMessage(state, id)?.tools ?? [];
  const known = tools.find((tool) => tool.call_id === call_id);
  if (known && known.status !== "running" && status === "running") return unchanged(state);
  const call = { call_id, name, status, arguments: args, output, title, detail };
  const next = known ? tools.map((tool) => (tool === known ? call : tool)) : [...tools, call];
  return changed(written(state, id, { tools: next }));
}

function final(state, frame) {
  const message = findMessage(state, frame.message_id);
  if (!message) return needsSync(state);
  if (isFinished(message)) return unchanged(state);
  const { status, message: words = "", can_continue = false } = frame;
  const end = { status, error: words || null, can_continue, tools: endedTools(message), ...thought(frame) };
  const next = written(state, message.id, end);
  return isWhole(message, frame) ? changed(next) : needsSync(next);
}

/** When an answer ends, its model has stopped thinking too. */
function thought({ reasoning_ms = null }) {
  return { thinking: false, reasoning_ms };
}

/** An error does not say how long the text is, so text ahead of the server's may not belong to this answer. */
function isWhole({ content, ahead, reasoning = "" }, { content_length: length, content_sha8: digest, reasoning_length = 0 }) {
  if (length === undefined ? ahead > 0 : length !== content.length) return false;
  if (reasoning_length !== reasoning.length) return false;
  return !digest || digest === sha8(content);
}

function failed(state, frame) {
  const message = findMessage(state, frame.message_id);
  if (!message) return needsSync(state);
  if (isFinished(message)) return unchanged(state);
  const { message: words, retryable } = frame;
  const end = { status: "error", error: words, retryable, tools: endedTools(message), ...thought(frame) };
  const next = written(state, message.id, end);
  return isWhole(message, frame) ? changed(next) : needsSync(next);
}

function ack(state, { client_id: clientId, message_id: id, reply_id: replyId }) {
  const effects = { acked: [clientId] };
  const stored = findMessage(state, id)
    ? withoutPending(state, clientId)
    : { ...state, messages: state.messages.map((message) => acknowledged(message, clientId, id)) };
  if (!replyId || findMessage(stored, replyId)) return changed(stored, effects);
  return changed(appended(stored, answer(replyId)), effects);
}

function acknowledged(message, clientId, id) {
  return message.pending && message.client_id === clientId ? { ...message, id, pending: false, held: "" } : message;
}

/** A server that is shutting down, is full or has no database refuses temporarily: the message stays in the outbox. */
function nack(state, frame) {
  const isTooQuick = frame.code === "rate_limited" && frame.retry_ms > 0;
  if (frame.code === "overloaded") return held(state, frame);
  if (TEMPORARY.has(frame.code) || isTooQuick) return changed(state, { resendIn: frame.retry_ms });
  // It was sent while the connection was lost, and an answer is still running.
  if (frame.code === "busy" && runningAnswer(state)) return changed(state, { resendIn: BUSY_RETRY_MS });
  return changed(withoutPending(state, frame.client_id), { nacked: frame });
}

/** The wait can be long, so the message says why, and the user can cancel it. */
function held(state, { client_id: clientId, message, retry_ms: resendIn }) {
  const isHeld = state.messages.some((other) => other.client_id === clientId && other.held === message);
  const messages = state.messages.map((other) => (other.pending && other.client_id === clientId ? { ...other, held: message } : other));
  return changed({ ...state, messages }, { resendIn, ...(isHeld ? {} : { announce: message }) });
}

const TEMPORARY = new Set(["draining", "unavailable"]);
const BUSY_RETRY_MS = 1_000;

/** Titles can arrive in any order: the one with the greater rev is newer. */
function titleUpdated(state, { thread_id: id = state.threadId, title, rev = state.titleRev }) {
  if (id !== state.threadId) return changed(state, { thread: { thread_id: id, title, rev } });
  if (rev < state.titleRev) return unchanged(state);
  return changed({ ...state, title, titleRev: rev }, { thread: { thread_id: id, title } });
}

/** For this thread the frame's title is ignored: `thread.title.updated` carries it with a rev, and is replayed. */
function threadUpdated(state, { type, ...thread }) {
  if (thread.thread_id === state.threadId) thread.title = state.title;
  return changed(state, { thread });
}

function threadDeleted(state, { thread_id: id }) {
  return changed(state, id === state.threadId ? { removed: id, ended: endingOf(DELETED) } : { removed: id });
}

/** The sidebar's chats. This thread keeps the title that the tab shows, since the list's may be older. */
function threadList(state, { threads, older_cursor }) {
  const own = (thread) => (thread.thread_id === state.threadId ? { ...thread, title: state.title } : thread);
  return changed(state, { threads: { threads: threads.map(own), older_cursor } });
}

const DELETED = 4505; // the close code for a deleted thread

// -- frames that don't change messages -------------------------------------------------------------------------

function themeChanged(state, { theme }) {
  return changed(state, { theme });
}

function enterKeyChanged(state, { enter_key: enterKey }) {
  return changed(state, { enterKey });
}

/** Whether live updates work: without Redis or the database, stored text still arrives, with a delay. */
function live(state, { on }) {
  return changed(state, { live: on });
}

/** A sentence about the models that fail because their provider is down; "" if all answer. */
function modelsUnavailable(state, { message: models }) {
  return changed(state, { models });
}

function error(state, { message }) {
  return changed(state, { warn: message });
}

// -- user actions -----------------------------------------------------------------------------------------------

function localSend(state, { client_id, content, created_at }) {
  if (state.messages.some((message) => message.client_id === client_id)) return unchanged(state);
  const message = complete({ id: `local:${client_id}`, client_id, role: "user", content, created_at });
  return changed({ ...state, messages: [...state.messages, { ...message, pending: true }] });
}

function localOlder(state, { messages }) {
  const fresh = messages.filter((message) => !findMessage(state, message.id)).map(complete);
  return changed({ ...state, messages: [...fresh, ...state.messages] });
}

/** A rename in this tab, as the server answered; `since` is the titleRev from before: a title that the socket brought meanwhile is newer. */
function localTitle(state, { title, since }) {
  if (state.titleRev !== since) return unchanged(state);
  return changed({ ...state, title }, { thread: { thread_id: state.threadId, title } });
}

// -- results ----------------------------------------------------------------------------------------------------

/**
 * Only logged events move this tab's cursor and rev. The cursor in `welcome` is ahead of what the tab has seen, and
 * `thread.updated` may be about another thread.
 */
function atPosition(state, { cursor, rev }) {
  return cursor ? { ...state, cursor, rev: Math.max(rev ?? 0, state.rev) } : state;
}

/**
 * Each change of the thread has the next rev, so a gap means that a change never got into the log. The start of an
 * answer isn't a change and carries the last rev.
 */
function skipsChange(state, { type, cursor, rev = 0 }) {
  return Boolean(cursor) && rev > (type === "response.started" ? state.rev : state.rev + 1);
}

/** The request is sticky: until a snapshot was applied, every hello asks for one and the cursor is not trusted. */
function needsSync(state, effects = {}) {
  return changed({ ...state, wantSnapshot: true }, { ...effects, sync: true });
}

function changed(state, effects = {}) {
  return { state, effects };
}

function unchanged(state) {
  return { state, effects: {} };
}
