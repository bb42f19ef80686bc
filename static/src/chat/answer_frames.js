/** Frames about one answer: its text and reasoning, its tools, its end. */
import { sha8 } from "./digest.js";
import { changed, needsSync, unchanged } from "./effects.js";
import { endedTools, findMessage, furthest, isFinished, withDelta, withThoughts, written } from "./message_updates.js";

export const ANSWER_FRAMES = [
  ["response.output_text.delta", ofShown(delta)],
  ["response.reasoning.delta", ofShown(reasoningDelta)],
  ["response.reasoning.done", ofShown(reasoningDone)],
  ["response.text", ofShown(wholeText)],
  ["response.tool_call", ofShown(toolCall)],
  ["final", ofShown(final)],
  ["response.error", ofShown(failed)],
];

/** An answer that is not shown is written in another version, or below what a detached page shows, unless its start was lost. */
function ofShown(handle) {
  return (state, frame) => {
    const { message_id: id, rev } = frame;
    const message = findMessage(state, id);
    if (message) return handle(state, frame, message);
    if (id !== state.elsewhere) return state.detached || rev <= state.rev ? unchanged(state) : needsSync(state);
    return rev ? changed({ ...state, elsewhere: null }) : unchanged(state); // only the end of an answer has a rev
  };
}

function delta(state, frame, message) {
  if (isFinished(message)) return unchanged(state);
  const next = withDelta(message, frame.pos, frame.delta);
  return next ? changed(written(state, frame.message_id, next)) : needsSync(state);
}

/** The same rules as for text. */
function reasoningDelta(state, frame, message) {
  if (isFinished(message)) return unchanged(state);
  const next = withThoughts(message, frame);
  return next ? changed(written(state, frame.message_id, next)) : needsSync(state);
}

function reasoningDone(state, { message_id: id, ms }, message) {
  if (isFinished(message) || message.thoughtsAhead) return unchanged(state);
  return changed(written(state, id, { reasoning_ms: ms, thinking: false }));
}

/** A server of an older release leaves the reasoning out. */
function wholeText(state, { message_id: id, text: content, reasoning = "", reasoning_ms = null, thinking = false }, message) {
  if (isFinished(message)) return unchanged(state);
  return changed(written(state, id, furthest(message, { content, reasoning, reasoning_ms, thinking })));
}

function toolCall(state, frame, { tools }) {
  const { message_id: id, call_id, name, status, arguments: args, output, title, detail } = frame;
  const known = tools.find((tool) => tool.call_id === call_id);
  if (known && known.status !== "running" && status === "running") return unchanged(state);
  const call = { call_id, name, status, arguments: args, output, title, detail };
  const next = known ? tools.map((tool) => (tool === known ? call : tool)) : [...tools, call];
  return changed(written(state, id, { tools: next }));
}

function final(state, frame, message) {
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

function failed(state, frame, message) {
  if (isFinished(message)) return unchanged(state);
  const { message: words, retryable } = frame;
  const end = { status: "error", error: words, retryable, tools: endedTools(message), ...thought(frame) };
  const next = written(state, message.id, end);
  return isWhole(message, frame) ? changed(next) : needsSync(next);
}
