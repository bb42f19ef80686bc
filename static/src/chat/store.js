/**
 * What a tab knows about its thread: state + frame → new state + effects. No DOM, no clock, no socket.
 *
 * The transport may repeat frames, reorder them at a reconnect, or lose them. Four rules make that harmless: everything
 * is an upsert by id, a finished status never goes back, a delta fits by its position or is refused, and a message goes below its
 * parent or is refused. Effects say what the page must do:
 * {sync, hurry, forked, acked, nacked, resendIn, announce, warn, thread, removed, ended, older, live, models, theme, enterKey,
 * threads, opened, leave}.
 */
import { ANSWER_FRAMES } from "./answer_frames.js";
import { changed, needsSync, unchanged } from "./effects.js";
import { endingOf } from "./reconnect.js";
import {
  answer, complete, findMessage, isMisplaced, lastOf, placed, runningAnswer, settled, storedOf, withoutPending, written,
} from "./message_updates.js";

/** What the list of chats says of a chat. */
export const FLAGS = ["pinned", "archived", "unread"];

const NO_QUEUE = { paused: "", items: [] };

/**
 * `elsewhere` is the id of an answer that is being written in a version that is not shown. `detached`: an older part of the thread
 * is shown, or another version; what does not concern its messages is ignored.
 */
export function initialState({ threadId, cursor = "", rev = 0, title = "", messages = [], elsewhere = null, queue = NO_QUEUE, detached = false, flags = {} }) {
  const shown = { title, titleRev: rev, messages: messages.map(complete), elsewhere, queue, detached, flags: { rev, ...flags } };
  return { threadId, cursor, rev, ...shown, wantSnapshot: false, parts: null };
}

const HANDLERS = new Map([
  ["thread.snapshot", snapshot],
  ["message.created", created],
  ["response.started", started],
  ...ANSWER_FRAMES,
  ["path.changed", pathChanged],
  ["queue.changed", queueChanged],
  ["queue.taken", unchanged], // its text is in the message field already
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
  const { state: next, effects } = leaving(state, handle(state, frame));
  if (frame.type === "thread.snapshot") return { state: next, effects };
  const placed = atPosition(next, frame);
  return skipsChange(state, frame) ? needsSync(placed, effects) : { state: placed, effects };
}

/** Where a message of this tab went, a detached page cannot show: the page goes to the latest messages. */
function leaving(state, result) {
  const isSent = state.detached && result.effects.acked?.some((clientId) => pendingOf(state, clientId));
  return isSent ? changed(result.state, { ...result.effects, leave: true }) : result;
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
  const stored = storedOf(state);
  const incoming = fresh.map((message) => settled(findMessage(state, message.id), complete(message)));
  const known = new Set(incoming.map((message) => message.id));
  const sent = new Set([...incoming, ...(frame.queue?.items ?? [])].map((message) => message.client_id).filter(Boolean));
  const pending = state.messages.filter((message) => message.pending && !sent.has(message.client_id));
  // Messages loaded above the snapshot stay if the two overlap; otherwise keeping them would leave a silent gap.
  const meeting = stored.findIndex((message) => known.has(message.id));
  const above = stored.slice(0, Math.max(meeting, 0)).filter((message) => !known.has(message.id));
  const forked = stored.slice(Math.max(meeting, 0)).some((message) => !known.has(message.id));
  const path = state.detached ? stored.map((message) => incoming.find(({ id }) => id === message.id) ?? message) : [...above, ...incoming];
  const messages = [...path, ...pending];
  const { title = state.title, rev = state.rev, cursor = state.cursor, running, queue } = frame;
  const elsewhere = running && !running.shown ? running.message_id : null;
  const next = { ...state, cursor, rev, title, titleRev: rev, messages, elsewhere, queue: queue ?? state.queue };
  const effects = { acked: [...sent], thread: { thread_id: state.threadId, title } };
  if (state.detached) return changed(flagged(next, frame), effects);
  if (forked) effects.forked = true;
  if (frame.model !== undefined) effects.opened = { model: frame.model, forkedFrom: frame.forked_from };
  if (!above.length && frame.has_older !== undefined) effects.older = olderOf(frame);
  return changed(flagged(next, frame), effects);
}

/** A worker of an older release leaves flags out, or null. */
function flagged(state, { rev = 0, ...frame }) {
  if (rev < state.flags.rev) return state;
  const known = FLAGS.filter((name) => typeof frame[name] === "boolean").map((name) => [name, frame[name]]);
  return { ...state, flags: { ...state.flags, rev, ...Object.fromEntries(known) } };
}

/** Nothing is kept above the snapshot: older messages begin where the server says. */
function olderOf({ has_older, older_cursor }) {
  return { has_older, older_cursor };
}

function created(state, { message, rev }) {
  const acked = message.client_id ? [message.client_id] : [];
  const rest = withoutPending(state, message.client_id);
  if (rev <= state.rev) return changed(rest, { acked }); // the tab's path is newer
  // A replay repeats how the message began; it must not undo what came since.
  const isKnown = Boolean(findMessage(state, message.id));
  if (state.detached && !isKnown) return changed(rest, { acked });
  if (isKnown && (state.detached || !isMisplaced(state, message))) return changed(withVersions(rest, message), { acked });
  if (isKnown) return needsSync(rest, { acked });
  const next = placed(rest, complete(message));
  return next ? changed(next, { acked, ...cut(state, next) }) : needsSync(rest, { acked });
}

function withVersions(state, { id, versions }) {
  return versions?.length ? written(state, id, { versions }) : state;
}

/** Whether the reader's path has lost messages; without its beginning, there are no older ones. */
function cut(state, next) {
  if (storedOf(state).length < storedOf(next).length) return {};
  const isWhole = lastOf(next).parent_id === null;
  return { forked: true, ...(isWhole ? { older: { has_older: false, older_cursor: "" } } : {}) };
}

/** A worker of an older release does not name the question. */
function started(state, { message_id: id, parent_id: parent, rev }) {
  if (state.detached || findMessage(state, id) || rev < state.rev) return unchanged(state);
  if (parent && lastOf(state)?.id !== parent) return unchanged(state);
  return changed(placed(state, answer(id, parent ?? undefined)));
}

/** The head was moved, or a version deleted, in any tab. */
function pathChanged(state, { rev }) {
  return state.detached || rev <= state.rev ? unchanged(state) : needsSync(state, { hurry: true });
}

function queueChanged(state, { rev, paused, items }) {
  if (rev <= state.rev) return unchanged(state);
  const acked = items.map((item) => item.client_id);
  const messages = state.messages.filter((message) => !(message.pending && acked.includes(message.client_id)));
  return changed({ ...state, messages, queue: { paused, items } }, { acked });
}

function ack(state, { client_id: clientId, message_id: id, reply_id: replyId, queued }) {
  const effects = { acked: [clientId] };
  const sent = pendingOf(state, clientId);
  const rest = withoutPending(state, clientId);
  // Its `queue.changed` may come later, and without Redis only a snapshot does.
  if (queued && sent) return changed({ ...rest, queue: { ...state.queue, items: [...state.queue.items, sent] } }, effects);
  const stored = state.detached || !sent || !id || findMessage(state, id) ? rest : placed(rest, acknowledged(state, sent, id));
  if (!replyId || findMessage(stored, replyId) || lastOf(stored)?.id !== id) return changed(stored, effects);
  return changed(placed(stored, answer(replyId, id)), effects);
}

/** At the end, or in the place of the question that it replaces; where exactly, `message.created` says. */
function acknowledged(state, { edits, ...message }, id) {
  const stored = storedOf(state);
  const place = stored.findIndex((other) => other.id === edits);
  const parent = (place < 0 ? stored.at(-1) : stored[place - 1])?.id ?? null;
  return { ...message, id, parent_id: parent, pending: false, held: "" };
}

function pendingOf({ messages }, clientId) {
  return messages.find((message) => message.pending && message.client_id === clientId);
}

/** A server that is shutting down, is full or has no database refuses temporarily: the message stays in the outbox. */
function nack(state, frame) {
  const isTooQuick = frame.code === "rate_limited" && frame.retry_ms > 0;
  if (frame.code === "overloaded") return held(state, frame);
  if (TEMPORARY.has(frame.code) || isTooQuick) return changed(state, { resendIn: frame.retry_ms });
  // It was sent while the connection was lost, and an answer is still running.
  if (frame.code === "busy" && runningAnswer(state) && !pendingOf(state, frame.client_id)?.edits) return changed(state, { resendIn: BUSY_RETRY_MS });
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
  if (thread.thread_id !== state.threadId) return changed(state, { thread });
  return changed(flagged(state, thread), { thread: { ...thread, title: state.title } });
}

function threadDeleted(state, { thread_id: id, rev = 0 }) {
  const removed = { thread_id: id, rev };
  return changed(state, id === state.threadId ? { removed, ended: endingOf(DELETED) } : { removed });
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

/** `edits` is the question that it replaces. A message that waits for an answer is shown in the queue. */
function localSend(state, { client_id, content, created_at, edits, queue }) {
  if (state.messages.some((message) => message.client_id === client_id)) return unchanged(state);
  const waits = Boolean(queue && (runningAnswer(state) || state.elsewhere));
  const message = complete({ id: `local:${client_id}`, client_id, role: "user", content, created_at, edits, waits });
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
 * a `thread.updated` without one may be about another thread.
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
