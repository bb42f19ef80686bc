/** Versions: where a message goes, and what a tab does with an answer that is being written where it does not look. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { hasPending, shownOf } from "../../static/src/chat/message_updates.js";
import { assistant, delta, page, play, snapshot, statusOf, user } from "./story.mjs";

const question = (id, parent, more = {}) => user(id, { id, client_id: `client-${id}`, parent_id: parent, ...more });
const reply = (id, parent, status = "final") => assistant(id, status, { id, parent_id: parent });
const created = (message, rev = 2) => ({ type: "message.created", rev, message });
const failed = (id, rev = 2) => ({ type: "response.error", rev, message_id: id, code: "x", message: "Busy.", retryable: true });
const thread = () => page([question("q1", null), reply("a1", "q1"), question("q2", "a1"), reply("a2", "q2")]);
const ids = (state) => state.messages.map(({ id }) => id);
const after = (...frames) => ids(play(thread(), ...frames).state);

describe("a message", () => {
  it("goes after its parent, and what was below it is of another version", () => {
    assert.deepEqual(after(created(question("q3", "a2"))), ["q1", "a1", "q2", "a2", "q3"]);
    assert.deepEqual(after(created(question("q2b", "a1"))), ["q1", "a1", "q2b"]);
    assert.deepEqual(after(created(reply("a1b", "q1", "streaming"))), ["q1", "a1b"]);
  });

  it("without a parent begins the chat again, whether or not older messages were left out", () => {
    const { state, last } = play(thread(), created(question("q1b", null)));
    assert.deepEqual(ids(state), ["q1b"]);
    assert.deepEqual([last.forked, last.older], [true, { has_older: false, older_cursor: "" }]);
  });

  it("with a parent that is not shown asks for a snapshot", () => {
    const { state, last } = play(thread(), created(question("q9", "elsewhere")));
    assert.deepEqual([ids(state).length, last.sync], [4, true]);
  });

  it("of a change that the tab has seen does not move the path", () => {
    assert.deepEqual(after(created(question("q2b", "a1"), 1)), ["q1", "a1", "q2", "a2"]);
  });

  it("of an older server is the last one", () => {
    assert.deepEqual(after(created(question("q3", undefined))), ["q1", "a1", "q2", "a2", "q3"]);
    assert.deepEqual(after({ type: "response.started", rev: 1, message_id: "a3" }), ["q1", "a1", "q2", "a2", "a3"]);
  });

  it("says that the path was cut only if messages have gone", () => {
    assert.equal(play(thread(), created(question("q3", "a2"))).last.forked, undefined);
    assert.equal(play(thread(), created(reply("a2b", "q2"))).last.forked, true);
  });
});

describe("the start of an answer", () => {
  it("is shown below its question, and nowhere else", () => {
    const started = (parent) => ({ type: "response.started", rev: 1, message_id: "a3", parent_id: parent });
    assert.deepEqual(after(started("a2")).at(-1), "a3");
    assert.deepEqual(after(started("q2")).length, 4);
  });
});

describe("an answer in another version", () => {
  const elsewhere = (...frames) => play(thread(), snapshot([question("q1b", null)], { running: { message_id: "a2", shown: false } }), ...frames);

  it("is known from the snapshot, and written without being shown", () => {
    const { state, syncs } = elsewhere(delta(3, "more", "a2"), { type: "response.text", message_id: "a2", text: "x" });
    assert.deepEqual([ids(state), state.elsewhere, syncs], [["q1b"], "a2", 0]);
  });

  it("ends there", () => {
    const { state, syncs } = elsewhere(failed("a2", 10));
    assert.deepEqual([ids(state), state.elsewhere, syncs], [["q1b"], null, 0]);
  });

  it("that nobody named asks for a snapshot", () => {
    assert.equal(elsewhere(delta(0, "x", "a9")).syncs, 1);
    assert.equal(play(thread(), failed("a9")).syncs, 1);
  });

  it("that ended before the snapshot is old", () => {
    assert.equal(play(thread(), failed("a9", 1)).syncs, 0);
  });

  it("is not there when the running one is shown", () => {
    const running = { message_id: "a2", shown: true };
    assert.equal(play(thread(), snapshot([reply("a2", "q2", "streaming")], { running })).state.elsewhere, null);
  });
});

describe("a change of the path", () => {
  it("asks for a snapshot at once, and an old one does not", () => {
    assert.deepEqual(play(thread(), { type: "path.changed", rev: 2, head_id: "a1" }).last, { hurry: true, sync: true });
    assert.deepEqual(play(thread(), { type: "path.changed", rev: 1, head_id: "a1" }).last, {});
  });

  it("arrives with the snapshot, which says that messages have gone", () => {
    const { state, last } = play(thread(), snapshot([question("q1", null), reply("a1", "q1"), question("q2b", "a1", { versions: ["q2", "q2b"] })]));
    assert.deepEqual([ids(state), last.forked], [["q1", "a1", "q2b"], true]);
    assert.deepEqual(state.messages.at(-1).versions, ["q2", "q2b"]);
    assert.equal(play(thread(), snapshot(thread().messages)).last.forked, undefined);
  });

  it("keeps the end of an answer and takes its new number of versions", () => {
    const known = page([question("q1", null), reply("a1", "q1")]);
    const { state } = play(known, snapshot([question("q1", null), { ...reply("a1", "q1", "streaming"), versions: ["a1", "a2"] }]));
    assert.deepEqual([statusOf(state, "a1"), state.messages[1].versions], ["final", ["a1", "a2"]]);
  });
});

describe("an edited question that is being sent", () => {
  const sent = { type: "local.send", client_id: "client-1", content: "Better", edits: "q2" };
  const shown = (...frames) => shownOf(play(thread(), sent, ...frames).state).map(({ content }) => content);

  it("is shown in the place of the first one, which returns when it is refused", () => {
    assert.deepEqual(shown(), ["q1", "a1", "Better"]);
    assert.deepEqual(shown({ type: "nack", client_id: "client-1", code: "budget_exceeded", message: "" }), ["q1", "a1", "q2", "a2"]);
  });

  it("is refused while an answer is being written, instead of being sent again and again", () => {
    const busy = { type: "nack", client_id: "client-1", code: "busy", message: "Wait." };
    const { state, last } = play(page([question("q2", null), reply("a2", "q2", "streaming")]), sent, busy);
    assert.deepEqual([hasPending(state), last.nacked], [false, busy]);
  });

  it("is one message, whatever comes first", () => {
    const ack = { type: "ack", client_id: "client-1", message_id: "q2b", reply_id: "a2b" };
    const made = created(question("q2b", "a1", { client_id: "client-1", versions: ["q2", "q2b"] }));
    for (const order of [[ack, made], [made, ack], [ack, ack, made]]) {
      const { state, syncs } = play(thread(), sent, ...order);
      assert.deepEqual([ids(state), syncs], [["q1", "a1", "q2b", "a2b"], 0]);
      assert.deepEqual(state.messages[2].versions, ["q2", "q2b"]);
    }
  });

  it("that the server put elsewhere asks for a snapshot", () => {
    const ack = { type: "ack", client_id: "client-1", message_id: "q2b", reply_id: null };
    assert.equal(play(thread(), sent, ack, created(question("q2b", "other", { client_id: "client-1" }))).last.sync, true);
  });
});

describe("the queue", () => {
  const item = { client_id: "client-1", content: "Next", model: "", created_at: "2026-01-01T00:00:00Z" };
  const changed = (items, rev = 2, paused = "") => ({ type: "queue.changed", cursor: `ab12cd34:${rev}`, rev, paused, items });
  const running = () => page([question("q1", null), reply("a1", "q1", "streaming")]);
  const sent = { type: "local.send", ...item, queue: true };

  it("is replaced by each newer one, and by a snapshot's", () => {
    const paused = play(running(), changed([item]), changed([item], 3, "Paused."), changed([], 2)).state;
    assert.deepEqual(paused.queue, { paused: "Paused.", items: [item] });
    assert.deepEqual(play(paused, snapshot([], { queue: { paused: "", items: [] } })).state.queue.items, []);
  });

  it("of a snapshot settles a message whose acknowledgment was lost", () => {
    const { state, last } = play(running(), sent, snapshot([], { queue: { paused: "", items: [item] } }));
    assert.deepEqual([hasPending(state), last.acked, state.queue.items.length], [false, ["client-1"], 1]);
  });

  it("shows what waits for the answer, not the conversation", () => {
    const { state } = play(running(), sent);
    assert.deepEqual(shownOf(state).map(({ id }) => id), ["q1", "a1"]);
    assert.equal(hasPending(state), true);
  });

  it("takes a message over, in either order of its two signs", () => {
    const ack = { type: "ack", client_id: "client-1", message_id: null, reply_id: null, queued: true };
    for (const order of [[ack, changed([item])], [changed([item]), ack]]) {
      assert.deepEqual(play(running(), sent, order[0]).state.queue.items.map(({ content }) => content), ["Next"]);
      const { state, effects } = play(running(), sent, ...order);
      assert.deepEqual([hasPending(state), state.messages.length, state.queue.items.length], [false, 2, 1]);
      assert.deepEqual(effects[1].acked, ["client-1"]);
    }
  });
});

describe("an older part of the thread", () => {
  const part = (...frames) => play(page([question("q1", null), reply("a1", "q1")], { detached: true }), ...frames);
  const sent = { type: "local.send", client_id: "mine", content: "And now?", created_at: "2026-11-30T00:00:00Z" };

  it("stays as it is, and asks for nothing, whatever is written below it or shown elsewhere", () => {
    const { state, syncs } = part(
      created(question("q3", "a2")),
      { type: "response.started", rev: 2, message_id: "a3", parent_id: "q3" },
      delta(7, "lost", "a3"),
      failed("a3", 3),
      { type: "path.changed", rev: 4, head_id: "q9" },
    );
    assert.deepEqual([ids(state), syncs], [["q1", "a1"], 0]);
  });

  it("takes from a snapshot what concerns its messages, and the title", () => {
    const { state, last } = part(snapshot([reply("a1", "q1", "stopped"), question("q2", "a1")], { has_older: true, older_cursor: "x" }));
    assert.deepEqual([ids(state), statusOf(state, "a1"), state.title, state.cursor], [["q1", "a1"], "stopped", "Eggs", "ab12cd34:9"]);
    assert.deepEqual([last.forked, last.older], [undefined, undefined]);
  });

  it("learns the versions of its messages", () => {
    const { state } = part(created(question("q1", null, { versions: ["q1", "q1b"] })));
    assert.deepEqual(state.messages[0].versions, ["q1", "q1b"]);
  });

  it("grows when older messages are loaded, and shows what is being sent", () => {
    const { state } = part(sent, { type: "local.older", messages: [reply("a0", "q0")] });
    assert.deepEqual(ids(state), ["a0", "q1", "a1", "local:mine"]);
  });

  it("is left when a message of this tab is stored or queued, however that is heard", () => {
    const stored = created(question("q3", "a2", { client_id: "mine" }));
    const queued = { type: "queue.changed", rev: 2, paused: "", items: [{ client_id: "mine", content: "And now?" }] };
    for (const frame of [{ type: "ack", client_id: "mine", message_id: "q3", reply_id: "a3" }, stored, queued]) {
      const { state, last } = part(sent, frame);
      assert.deepEqual([last.leave, last.acked, ids(state)], [true, ["mine"], ["q1", "a1"]]);
    }
    assert.equal(part(sent, { type: "nack", client_id: "mine", code: "busy", message: "No." }).last.leave, undefined);
    assert.equal(part(created(question("q3", "a2", { client_id: "another" }))).last.leave, undefined);
    assert.equal(play(thread(), sent, stored).last.leave, undefined);
  });
});
