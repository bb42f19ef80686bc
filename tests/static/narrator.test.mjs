import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Narrator } from "../../static/src/chat/narrator.js";
import { reduce } from "../../static/src/chat/store.js";
import { countWords } from "../../static/src/chat/words.js";
import { ANSWER, assistant, clock, delta, page, snapshot, user } from "./story.mjs";

/** A tab whose narrator hears frames, with a clock that the test moves; `said` are its words, in order. */
function story(...messages) {
  const time = clock();
  const it = { hears: true, hidden: false, said: [], state: page(messages) };
  const env = { isHidden: () => it.hidden, setTimeout: time.setTimeout, clearTimeout: time.clearTimeout };
  const textOf = (id) => `(${it.state.messages.find((message) => message.id === id).content})`;
  it.narrator = new Narrator({ say: (text) => it.said.push(text), hears: () => it.hears, textOf }, env);
  it.narrator.begin(it.state);
  it.play = (...frames) => {
    for (const frame of frames) {
      it.state = reduce(it.state, frame).state;
      it.narrator.follow(it.state);
    }
    return it.said;
  };
  it.pass = (ms) => {
    time.pass(ms);
    return it.said;
  };
  return it;
}

const starts = { type: "response.started", message_id: ANSWER, cursor: "ab12cd34:2", rev: 1 };
const tool = (status, name = "current_time") => ({ type: "response.tool_call", message_id: ANSWER, call_id: name, name, status });
const thinks = (pos, text, ms) => ({ type: "response.reasoning.delta", message_id: ANSWER, pos, delta: text, ms });
const done = (ms) => ({ type: "response.reasoning.done", message_id: ANSWER, ms });
const final = (text, more = {}) => ({ type: "final", message_id: ANSWER, status: "final", content_length: text.length, ...more });
const failure = { type: "response.error", rev: 4, message_id: ANSWER, code: "overloaded", message: "Busy.", content_length: 0 };
const long = "word ".repeat(320);

describe("an answer", () => {
  it("is announced from its beginning to its end, each state once", () => {
    const tab = story(user("Hi"));
    tab.play(starts, thinks(0, "", 0), thinks(0, "Hm", 900), done(1_200), tool("running"), tool("done"), delta(0, "Hel"), delta(3, "lo"));
    const middle = ["Answering", "Thinking", "Thought for 1 s", "Using current time"];
    assert.deepEqual(tab.said, middle);
    assert.deepEqual(tab.play({ ...final("Hello"), reasoning_length: 2 }), [...middle, "Answer finished. (Hello)"]);
    assert.deepEqual(tab.pass(60_000), [...middle, "Answer finished. (Hello)"]);
  });

  it("is announced too where the acknowledgment of its question brings it", () => {
    const ack = { type: "ack", client_id: "client-1", message_id: "question-1", reply_id: ANSWER };
    const tab = story(user("Hi", { id: "local:client-1", pending: true }));
    assert.deepEqual(tab.play(ack, starts), ["Answering"]);
  });

  it("is not announced again by a replay", () => {
    const tab = story(user("Hi"), assistant("Hi", "streaming", { reasoning: "ab", reasoning_ms: 1_200 }));
    assert.deepEqual(tab.play(starts, thinks(0, "a", 900), done(900), delta(0, "Hi")), ["Answering"]);
    const replayed = story(user("Hi"));
    replayed.play(starts, tool("running"), tool("done"), tool("running"), starts);
    assert.deepEqual(replayed.said, ["Answering", "Using current time"]);
  });

  it("uses tools in their own words", () => {
    const titled = { ...tool("running"), title: "Checking the time", detail: "Asia/Tokyo" };
    assert.deepEqual(story(assistant("")).play(titled).at(-1), "Checking the time, Asia/Tokyo");
  });

  it("that was finished before the page was opened is not announced", () => {
    const tab = story(user("Hi"), assistant("Hello", "final"));
    assert.deepEqual(tab.play(snapshot([user("Hi"), assistant("Hello", "final")]), final("Hello")), []);
  });

  it("that is running when the page is opened is", () => {
    assert.deepEqual(story(user("Hi"), assistant("Hel")).said, ["Answering"]);
  });

  it("of a few words is read out, a longer one has its length", () => {
    assert.deepEqual(story(assistant("x".repeat(298))).play(final("x".repeat(298))).at(-1).length, 317);
    assert.deepEqual(story(assistant("x".repeat(299))).play(final("x".repeat(299))).at(-1), "Answer finished, 1 word");
    assert.deepEqual(story(assistant(long)).play(final(long)).at(-1), "Answer finished, 320 words");
    assert.deepEqual(story(assistant(long.repeat(4))).play(final(long.repeat(4))).at(-1), "Answer finished, 1,280 words");
  });

  it("without text has finished all the same", () => {
    assert.deepEqual(story(assistant("")).play(final("")).at(-1), "Answer finished");
  });

  it("that was stopped, interrupted, cut off or failed says so", () => {
    const end = (frame, text = "Hello") => story(assistant(text)).play(frame).at(-1);
    assert.equal(end(final("Hello", { status: "stopped" })), "Answer stopped");
    assert.equal(end(final("Hello", { status: "interrupted", message: "The server restarted." })), "Answer interrupted. The server restarted.");
    assert.equal(end(final("Hello", { message: "Cut off at the limit." })), "Cut off at the limit. 1 word");
    assert.equal(end(failure, ""), "The answer failed. Busy.");
  });

  it("whose text is in doubt is not read out", () => {
    assert.equal(story(assistant("Hell")).play(final("Hello")).at(-1), "Answer finished");
  });

  it("that ended or began while the tab was not connected is announced with the snapshot", () => {
    assert.deepEqual(story(assistant("Hel")).play(snapshot([assistant("Hello", "stopped")])).at(-1), "Answer stopped");
    assert.deepEqual(story(assistant("Hel")).play(snapshot([assistant("Hello")])), ["Answering"]);
    assert.deepEqual(story(user("Hi")).play(snapshot([user("Hi"), assistant("Hello", "final")])), ["Answer finished. (Hello)"]);
  });
});

describe("a sign of life", () => {
  it("comes ten seconds after the last words, as long as the answer runs", () => {
    const tab = story(assistant(""));
    tab.pass(9_999);
    assert.deepEqual(tab.said, ["Answering"]);
    tab.pass(10_001);
    assert.deepEqual(tab.said, ["Answering", "Still answering", "Still answering"]);
    tab.play(thinks(0, "a", 100));
    tab.pass(10_000);
    assert.deepEqual(tab.said.slice(3), ["Thinking", "Still thinking"]);
    tab.play(tool("running"));
    tab.pass(10_000);
    assert.deepEqual(tab.said.slice(5), ["Using current time", "Using current time"]);
    tab.play(final("", { status: "stopped" }));
    assert.deepEqual(tab.pass(60_000).slice(7), ["Answer stopped"]);
  });

  it("says that the model is silent if it is", () => {
    const tab = story(assistant(""));
    tab.pass(8_000);
    tab.narrator.wait("Still waiting for the model…");
    tab.pass(10_000);
    tab.narrator.wait("");
    tab.pass(10_000);
    assert.deepEqual(tab.said.slice(1), ["Still waiting for the model…", "Still waiting for the model…", "Still answering"]);
  });

  it("needs a connection and a tab that is seen", () => {
    const tab = story(assistant(""));
    tab.hears = false;
    tab.pass(30_000);
    tab.hears = true;
    tab.hidden = true;
    tab.pass(30_000);
    assert.deepEqual(tab.said, ["Answering"]);
    tab.hidden = false;
    assert.deepEqual(tab.pass(10_000), ["Answering", "Still answering"]);
  });
});

describe("words", () => {
  it("are counted in every script", () => {
    assert.equal(countWords("It’s a **bold** claim — isn't it? 3.5!"), 7);
    assert.equal(countWords("你好，世界。 ありがとう"), 9);
    assert.equal(countWords("مرحبا بالعالم"), 2);
    assert.equal(countWords(" \n "), 0);
  });
});
