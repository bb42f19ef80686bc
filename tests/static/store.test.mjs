import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { sha8 } from "../../static/src/chat/digest.js";
import { hasPending, runningAnswer } from "../../static/src/chat/message_updates.js";
import { ANSWER, THREAD, assistant, delta, page, play, snapshot, statusOf, textOf, user } from "./story.mjs";

function final(text, more = {}) {
  const digest = { content_length: text.length, content_sha8: sha8(text) };
  return { type: "final", rev: 3, message_id: ANSWER, status: "final", ...digest, ...more };
}

describe("a delta", () => {
  it("is appended when its position is the length that the tab has", () => {
    const { state, syncs } = play(page([assistant("Hel")]), delta(3, "lo"));
    assert.equal(textOf(state), "Hello");
    assert.equal(syncs, 0);
  });

  it("is cut when the tab has its beginning already", () => {
    assert.equal(textOf(play(page([assistant("Hello")]), delta(3, "lo, wor")).state), "Hello, wor");
  });

  it("changes nothing when the tab has all of it", () => {
    const before = page([assistant("Hello")]);
    assert.equal(textOf(play(before, delta(0, "Hel"), delta(3, "lo")).state), "Hello");
  });

  it("is refused and asks for a sync when something before it is missing", () => {
    const { state, last } = play(page([assistant("Hel")]), delta(5, "!"));
    assert.equal(textOf(state), "Hel");
    assert.deepEqual(last, { sync: true });
  });

  it("counts in UTF-16 units, as the server does", () => {
    const { state, syncs } = play(page([assistant("")]), delta(0, "a😀"), delta(3, "é"), delta(4, "👩‍🚀"), delta(9, "."));
    assert.equal(textOf(state), "a😀é👩‍🚀.");
    assert.equal(syncs, 0);
  });

  it("may overlap in the middle of a surrogate pair and still comes out whole", () => {
    assert.equal(textOf(play(page([assistant("a\ud83d")]), delta(1, "😀!")).state), "a😀!");
  });

  it("of an answer that the tab does not have asks for a sync", () => {
    for (const pos of [0, 7]) {
      const { state, last } = play(page([user("Hi")]), delta(pos, "lo"));
      assert.equal(state.messages.length, 1);
      assert.equal(last.sync, true);
    }
  });

  it("does not let an ended answer grow", () => {
    for (const status of ["final", "stopped", "interrupted", "error"]) {
      assert.equal(textOf(play(page([assistant("Hel", status)]), delta(3, "lo")).state), "Hel");
    }
  });
});

describe("the end of an answer", () => {
  it("is taken over when length and digest agree", () => {
    const { state, last } = play(page([assistant("Hello 😀")]), final("Hello 😀"));
    assert.equal(statusOf(state), "final");
    assert.equal(last.sync, undefined);
    assert.equal(state.wantSnapshot, false);
  });

  it("asks for a sync when the length differs", () => {
    const { state, last } = play(page([assistant("Hell")]), final("Hello"));
    assert.equal(last.sync, true);
    assert.equal(statusOf(state), "final");
  });

  it("asks for a sync when only the digest differs", () => {
    assert.equal(play(page([assistant("Hallo")]), final("Hello")).last.sync, true);
  });

  it("repeated is applied once", () => {
    const { state, effects } = play(page([assistant("Hello")]), final("Hello"), final("Hello"));
    assert.equal(statusOf(state), "final");
    assert.deepEqual(effects[1], {});
  });

  it("never goes back, whatever is replayed after it", () => {
    const ended = play(page([user("Hi"), assistant("Hello")]), final("Hello", { status: "stopped" })).state;
    const { state } = play(
      ended,
      { type: "response.started", message_id: ANSWER },
      { type: "message.created", message: assistant("") },
      { type: "response.text", message_id: ANSWER, text: "H" },
      delta(5, " again"),
      final("Hello", { status: "final" }),
      { type: "response.error", message_id: ANSWER, message: "late" },
    );
    assert.equal(statusOf(state), "stopped");
    assert.equal(textOf(state), "Hello");
  });

  it("of an answer that the tab does not have asks for a sync", () => {
    assert.equal(play(page(), final("Hello")).last.sync, true);
  });

  it("can have its own sentence", () => {
    const { state } = play(page([assistant("Hello")]), final("Hello", { status: "interrupted", message: "The server restarted." }));
    assert.equal(state.messages[0].error, "The server restarted.");
  });

  it("by an error keeps the text and the sentence", () => {
    const failure = { type: "response.error", rev: 4, message_id: ANSWER, code: "overloaded", message: "Busy.", retryable: true };
    const { state } = play(page([assistant("Hel")]), failure);
    assert.equal(textOf(state), "Hel");
    assert.equal(state.messages[0].error, "Busy.");
    assert.equal(statusOf(state), "error");
  });
});

describe("a whole text", () => {
  it("replaces what the tab has, also by something shorter", () => {
    const { state } = play(page([assistant("Hello wurld")]), { type: "response.text", message_id: ANSWER, text: "Hello" }, delta(5, "!"));
    assert.equal(textOf(state), "Hello!");
  });
});

describe("the server's word, while it is behind what the tab shows", () => {
  const rows = (message) => snapshot([user("Hi"), message], { cursor: "" });
  const shows = (...frames) => textOf(play(page([user("Hi"), assistant("Hello wor")]), ...frames).state);

  it("does not shorten a running answer, whether it is a snapshot or a whole text", () => {
    assert.equal(shows(rows(assistant("Hello"))), "Hello wor");
    assert.equal(shows({ type: "response.text", message_id: ANSWER, text: "He" }), "Hello wor");
    assert.equal(shows(rows(assistant("Hello")), rows(assistant("Hello w")), rows(assistant("Hello world"))), "Hello world");
  });

  it("counts positions by that word: the same again changes nothing, and a hole in it is noticed", () => {
    const behind = rows(assistant("Hello"));
    assert.equal(shows(behind, delta(5, " wo"), delta(8, "rld")), "Hello world");
    const { state, last } = play(page([assistant("Hello wor")]), behind, delta(8, "r"));
    assert.deepEqual([textOf(state), last], ["Hello wor", { sync: true }]);
  });

  it("is shown when it says something else", () => {
    assert.equal(shows(rows(assistant("Help"))), "Help");
    assert.equal(shows(rows(assistant("Hello")), delta(5, ", you")), "Hello, you");
    assert.equal(shows(rows(assistant("Hello", "interrupted"))), "Hello");
  });

  it("ends with a digest of what is shown, or with another snapshot", () => {
    const end = { type: "final", message_id: ANSWER, status: "final", content_length: 9 };
    const failure = { type: "response.error", message_id: ANSWER, code: "x", message: "Busy." };
    const syncs = (frame) => play(page([assistant("Hello wor")]), rows(assistant("Hello")), frame).syncs;
    assert.deepEqual([syncs(end), syncs({ ...end, content_length: 5 }), syncs(failure)], [0, 1, 1]);
  });

  it("leaves the reasoning and its time alone in the same way", () => {
    const shown = assistant("", "streaming", { reasoning: "First I", reasoning_ms: 900, thinking: true });
    const behind = rows(assistant("", "streaming", { reasoning: "First", reasoning_ms: 400, thinking: false }));
    const piece = { type: "response.reasoning.delta", message_id: ANSWER, pos: 5, delta: " I", ms: 800 };
    const [message] = play(page([shown]), behind).state.messages.slice(-1);
    assert.deepEqual([message.reasoning, message.reasoning_ms, message.thinking], ["First I", 900, true]);
    const [next] = play(page([shown]), behind, piece, { ...piece, pos: 7, delta: " look", ms: 950 }).state.messages.slice(-1);
    assert.deepEqual([next.reasoning, next.reasoning_ms], ["First I look", 950]);
  });
});

describe("a snapshot", () => {
  it("replaces all", () => {
    const { state } = play(page([user("Hi"), assistant("wrong")]), snapshot([user("Hi"), assistant("right", "final")]));
    assert.equal(textOf(state), "right");
    assert.equal(state.cursor, "ab12cd34:9");
    assert.equal(state.rev, 9);
    assert.equal(state.title, "Eggs");
  });

  it("in parts is applied with the last of them", () => {
    const first = snapshot([user("Hi")], { part: 1, parts: 2 });
    const second = snapshot([assistant("Hello", "final")], { part: 2, parts: 2 });
    const half = play(page([assistant("old")]), first).state;
    assert.equal(textOf(half), "old");
    assert.equal(half.cursor, "ab12cd34:1");
    const { state } = play(half, second);
    assert.deepEqual(state.messages.map(({ id }) => id), ["question-1", ANSWER]);
  });

  it("with a part missing is dropped and requested again", () => {
    const { state, last } = play(page([assistant("old")]), snapshot([], { part: 1, parts: 3 }), snapshot([], { part: 3, parts: 3 }));
    assert.equal(textOf(state), "old");
    assert.equal(last.sync, true);
    assert.equal(state.wantSnapshot, true);
  });

  it("that starts over in the middle forgets the half one", () => {
    const half = snapshot([user("Hi"), user("Twice", { id: "x" })], { part: 1, parts: 2 });
    const { state } = play(page(), half, snapshot([user("Hi")]));
    assert.equal(state.messages.length, 1);
  });

  it("keeps the older messages that were loaded above it", () => {
    const older = user("long ago", { id: "old" });
    const { state, last } = play(page([older, user("Hi")]), snapshot([user("Hi"), assistant("Hello", "final")]));
    assert.deepEqual(state.messages.map(({ id }) => id), ["old", "question-1", ANSWER]);
    assert.equal(last.older, undefined);
  });

  it("that does not meet what is shown leaves no silent hole", () => {
    const older = { has_older: true, older_cursor: "7" };
    const { state, last } = play(page([user("long ago", { id: "old" })]), snapshot([user("Hi")], older));
    assert.deepEqual(state.messages.map(({ id }) => id), ["question-1"]);
    assert.deepEqual(last.older, older);
  });

  it("does not make an ended answer run again", () => {
    assert.equal(statusOf(play(page([assistant("Hello", "final")]), snapshot([assistant("He")])).state), "final");
  });

  it("keeps what is still on its way and settles what has arrived", () => {
    const sent = { type: "local.send", client_id: "client-1", content: "Hi" };
    const other = { type: "local.send", client_id: "client-2", content: "Ho" };
    const { state, last } = play(page(), sent, other, snapshot([user("Hi")]));
    assert.deepEqual(state.messages.map(({ content }) => content), ["Hi", "Ho"]);
    assert.deepEqual(last.acked, ["client-1"]);
    assert.equal(hasPending(state), true);
  });
});

describe("the wish for a snapshot", () => {
  it("is sticky until one was applied, whatever comes in between", () => {
    const asked = play(page([assistant("Hel")]), delta(9, "?"), delta(3, "lo"), { type: "response.text", message_id: ANSWER, text: "Hello" });
    assert.equal(asked.state.wantSnapshot, true);
    const half = play(asked.state, snapshot([], { part: 1, parts: 2 }));
    assert.equal(half.state.wantSnapshot, true);
    assert.equal(play(asked.state, snapshot([assistant("Hello")])).state.wantSnapshot, false);
  });

  it("also comes from the watchdog's doubt", () => {
    const { state, last } = play(page(), { type: "local.doubt" });
    assert.equal(state.wantSnapshot, true);
    assert.equal(last.sync, true);
  });
});

describe("one's own message", () => {
  const sent = { type: "local.send", client_id: "client-1", content: "Hi", created_at: "2026-01-01T00:00:00Z" };

  it("is shown at once, as pending, below everything else", () => {
    const late = { type: "response.started", rev: 1, message_id: "answer-0" };
    const { state } = play(page([assistant("Hello", "final")]), sent, late, delta(0, "late", "answer-0"));
    assert.deepEqual(state.messages.map(({ content }) => content), ["Hello", "late", "Hi"]);
    assert.equal(hasPending(state), true);
  });

  it("is matched by its client_id when the server sends it", () => {
    const { state, last } = play(page(), sent, { type: "message.created", rev: 2, message: user("Hi") });
    assert.deepEqual(state.messages.map(({ id }) => id), ["question-1"]);
    assert.equal(hasPending(state), false);
    assert.deepEqual(last.acked, ["client-1"]);
  });

  it("is acknowledged in either order, and stays one message", () => {
    const created = { type: "message.created", message: user("Hi") };
    const ack = { type: "ack", client_id: "client-1", message_id: "question-1", reply_id: ANSWER };
    for (const order of [[created, ack], [ack, created], [ack, ack, created, created]]) {
      const { state } = play(page(), sent, ...order);
      assert.deepEqual(state.messages.map(({ id }) => id), ["question-1", ANSWER]);
      assert.equal(hasPending(state), false);
    }
  });

  it("that was resent after its answer ended does not start it again", () => {
    const ack = { type: "ack", client_id: "client-1", message_id: "question-1", reply_id: ANSWER };
    const { state } = play(page([user("Hi"), assistant("Hello", "final")]), sent, ack);
    assert.equal(statusOf(state), "final");
    assert.equal(state.messages.length, 2);
  });

  it("is removed when it is refused for any reason, and its frame is passed to the page", () => {
    for (const code of ["busy", "budget_exceeded", "unknown_model", "invented_later"]) {
      const nack = { type: "nack", client_id: "client-1", code, message: "Wait.", retry_ms: 0 };
      const { state, last } = play(page(), sent, nack);
      assert.equal(state.messages.length, 0);
      assert.equal(last.nacked, nack);
    }
  });

  it("stays when the database is unavailable, and is sent again", () => {
    const { state, last } = play(page(), sent, { type: "nack", client_id: "client-1", code: "unavailable", message: "", retry_ms: 5000 });
    assert.equal(state.messages.length, 1);
    assert.deepEqual(last, { resendIn: 5000 });
  });

  it("stays when it was sent too quickly, or while an answer is still written that this tab knows of", () => {
    for (const [state, code, retry] of [[page(), "rate_limited", 700], [page([assistant("So far")]), "busy", 1_000]]) {
      const { state: after, last } = play(state, sent, { type: "nack", client_id: "client-1", code, message: "", retry_ms: 700 });
      assert.equal(hasPending(after), true);
      assert.deepEqual(last, { resendIn: retry });
    }
  });

  it("stays when the server is full, says so once, and can be canceled", () => {
    const nack = { type: "nack", client_id: "client-1", code: "overloaded", message: "The site is busy.", retry_ms: 2000 };
    const { state, last } = play(page(), sent, nack);
    assert.equal(state.messages[0].held, "The site is busy.");
    assert.deepEqual(last, { resendIn: 2000, announce: "The site is busy." });
    assert.deepEqual(play(state, nack).last, { resendIn: 2000 });
    const ack = { type: "ack", client_id: "client-1", message_id: "question-1", reply_id: ANSWER };
    assert.ok(!play(state, ack).state.messages[0].held);
    const cancelled = play(state, { type: "nack", client_id: "client-1", code: "cancelled", message: "" });
    assert.equal(cancelled.state.messages.length, 0);
    assert.equal(cancelled.last.nacked.client_id, "client-1");
  });

  it("stays when the server is only draining", () => {
    const { state, last } = play(page(), sent, { type: "nack", client_id: "client-1", code: "draining", message: "", retry_ms: 500 });
    assert.equal(hasPending(state), true);
    assert.equal(last.resendIn, 500);
  });
});

describe("a tool call", () => {
  const call = { type: "response.tool_call", message_id: ANSWER, call_id: "c1", name: "calculate", arguments: "{}" };

  it("is an upsert by its id and does not run again once it is done", () => {
    const { state } = play(page([assistant("")]), { ...call, status: "running" }, { ...call, status: "done", output: "7" }, { ...call, status: "running" });
    assert.deepEqual(state.messages[0].tools.map(({ status, output }) => [status, output]), [["done", "7"]]);
  });

  it("has failed when its answer ends before it", () => {
    const running = { ...call, status: "running", title: "Calculating", detail: "1 + 2" };
    for (const end of [final("", { status: "stopped" }), { type: "response.error", rev: 3, message_id: ANSWER, message: "Down.", retryable: true }]) {
      const [tool] = play(page([assistant("")]), { ...call, call_id: "c0", status: "done", output: "7" }, running, end).state.messages[0].tools.slice(-1);
      assert.deepEqual([tool.status, tool.output, tool.title, tool.detail], ["failed", "It did not finish.", "Calculating", "1 + 2"]);
    }
  });

  it("survives a snapshot that does not tell of it", () => {
    const { state } = play(page([assistant("")]), { ...call, status: "done" }, snapshot([assistant("Hello", "final")]));
    assert.equal(state.messages[0].tools.length, 1);
  });
});

describe("the cursor", () => {
  it("is the one of the last logged event", () => {
    const { state } = play(page([assistant("")]), { ...delta(0, "a"), cursor: "ab12cd34:2" }, { ...delta(1, "b"), cursor: "ab12cd34:3" });
    assert.equal(state.cursor, "ab12cd34:3");
  });

  it("is not moved by frames that tell of what is yet to come", () => {
    assert.equal(play(page(), { type: "welcome", mode: "replay", cursor: "ab12cd34:99", rev: 50 }).state.cursor, "ab12cd34:1");
  });
});

describe("threads", () => {
  it("update the sidebar's title, and this page's title", () => {
    const { state, last } = play(page(), { type: "thread.title.updated", rev: 2, thread_id: THREAD, title: "Eggs" });
    assert.equal(state.title, "Eggs");
    assert.deepEqual(last.thread, { thread_id: THREAD, title: "Eggs" });
    assert.equal(play(state, { type: "thread.updated", thread_id: "other", title: "Tea", running: true }).state.title, "Eggs");
  });

  it("keep the newer of two titles, in whichever order they come", () => {
    const title = (rev, words) => ({ type: "thread.title.updated", rev, thread_id: THREAD, title: words, cursor: `ab12cd34:${rev}` });
    const { state, last } = play(page(), title(3, "Newer"), title(2, "Older"));
    assert.equal(state.title, "Newer");
    assert.equal(state.rev, 3);
    assert.deepEqual(last, {});
    assert.equal(play(state, title(3, "Newer"), title(4, "Newest")).state.title, "Newest");
    assert.equal(play(page([], { rev: 7, title: "Of the page" }), title(6, "Replayed")).state.title, "Of the page");
    assert.equal(play(page(), snapshot([]), title(8, "Late")).state.title, "Eggs");
  });

  it("show one's own title at once, unless a newer one came meanwhile", () => {
    const mine = { type: "local.title", title: "Mine", since: 1 };
    const { state, last } = play(page(), mine);
    assert.equal(state.title, "Mine");
    assert.deepEqual(last.thread, { thread_id: THREAD, title: "Mine" });
    const theirs = { type: "thread.title.updated", rev: 3, thread_id: THREAD, title: "Theirs" };
    assert.equal(play(page(), theirs, mine).state.title, "Theirs");
    assert.equal(play(state, theirs).state.title, "Theirs");
  });

  it("take this page's title from its own events, and no rev from those of the sidebar", () => {
    const before = page([], { title: "Eggs" });
    const late = { type: "thread.updated", thread_id: THREAD, title: "The first words", running: false, rev: 9 };
    const { state, last } = play(before, late);
    assert.deepEqual([state.title, state.rev], ["Eggs", 1]);
    assert.deepEqual(last.thread, { thread_id: THREAD, title: "Eggs", running: false, rev: 9 });
    assert.equal(play(before, { ...late, thread_id: "other" }).state.rev, 1);
  });

  it("that were pinned, archived or read have their change in the log of the chat too, which counts its rev", () => {
    const told = { type: "thread.updated", thread_id: THREAD, title: "", running: false, rev: 2, pinned: true };
    const { state, last } = play(page(), { ...told, cursor: "ab12cd34:2" });
    assert.deepEqual([state.cursor, state.rev, last.thread.pinned, last.sync], ["ab12cd34:2", 2, true, undefined]);
    assert.equal(play(page(), { ...told, rev: 3, cursor: "ab12cd34:2" }).last.sync, true);
  });

  it("that were deleted are removed; the page ends if it is its own", () => {
    const deleted = (id) => play(page(), { type: "thread.deleted", thread_id: id, rev: 9 }).last;
    assert.deepEqual(deleted("other"), { removed: { thread_id: "other", rev: 9 } });
    assert.deepEqual(deleted(THREAD), { removed: { thread_id: THREAD, rev: 9 }, ended: { action: "stay", text: "This chat was deleted." } });
  });
});

describe("a frame that doesn't change messages", () => {
  it("becomes an effect", () => {
    const before = page([user("Hi")]);
    const frames = [{ type: "theme.changed", theme: "dark" }, { type: "enter_key.changed", enter_key: "send" }, { type: "live", on: false }, { type: "error", message: "Too fast." }];
    const { state, effects } = play(before, ...frames);
    assert.equal(state, before);
    assert.deepEqual(effects, [{ theme: "dark" }, { enterKey: "send" }, { live: false }, { warn: "Too fast." }]);
  });
});

describe("a frame of a later protocol", () => {
  it("changes nothing", () => {
    const before = page([user("Hi")]);
    assert.equal(play(before, { type: "response.smell", message_id: ANSWER }, { type: "toString" }).state, before);
  });
});

describe("older messages", () => {
  it("come in above, each once", () => {
    const old = user("long ago", { id: "old" });
    const { state } = play(page([user("Hi")]), { type: "local.older", messages: [old, user("Hi")] }, { type: "local.older", messages: [old] });
    assert.deepEqual(state.messages.map(({ id }) => id), ["old", "question-1"]);
  });
});

describe("a change that was lost before it got into the log", () => {
  const title = (rev) => ({ type: "thread.title.updated", cursor: `ab12cd34:${rev}`, rev, thread_id: THREAD, title: "Eggs" });

  it("is noticed by the next one, once", () => {
    const { state, effects } = play(page(), title(2), title(4), title(5));
    assert.deepEqual(effects.map(({ sync }) => Boolean(sync)), [false, true, false]);
    assert.deepEqual([state.rev, state.wantSnapshot], [5, true]);
  });

  it("is noticed by the start of an answer, which isn't a change itself", () => {
    const started = (rev) => ({ type: "response.started", cursor: "ab12cd34:2", rev, message_id: "answer-1" });
    assert.equal(play(page(), started(1)).syncs, 0);
    assert.equal(play(page(), started(2)).syncs, 1);
  });

  it("is not suspected in what is repeated, late, or of another thread", () => {
    const elsewhere = { type: "thread.updated", thread_id: "other", title: "", running: true, rev: 40 };
    assert.equal(play(page(), title(2), title(2), title(1), elsewhere).syncs, 0);
  });
});
