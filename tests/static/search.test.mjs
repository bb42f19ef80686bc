/** The search dialog without its page: when it asks, what it says, which words it marks, and which commands a text names. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { names } from "../../static/src/chat/search/commands.js";
import { Finder, addressOf } from "../../static/src/chat/search/finder.js";
import { isTitled, patternOf, wordsOf } from "../../static/src/chat/search/marks.js";
import { shortTime } from "../../static/src/chat/search/options.js";
import { clock } from "./story.mjs";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const response = (status, body) => ({ ok: status < 400, status, json: async () => body });

/** A finder whose requests are kept, each to be answered by the test. */
function story() {
  const it = Object.assign(clock(), { asked: [], shown: [] });
  const fetch = (address, { signal }) =>
    new Promise((resolve, reject) => {
      it.asked.push({ address, answer: resolve, fail: reject, signal });
    });
  it.finder = new Finder((state) => it.shown.push(state), { ...it, fetch });
  it.last = () => it.shown.at(-1);
  return it;
}

describe("the search", () => {
  it("waits for a pause in the typing, and asks for what is there by then", async () => {
    const page = story();
    for (const text of ["d", "de", "dep"]) {
      page.finder.ask(text);
      page.pass(100);
    }
    assert.deepEqual(page.asked, []);
    page.pass(50);
    assert.deepEqual(page.asked.map(({ address }) => address), ["/search/?q=dep"]);
    assert.deepEqual(page.last(), { query: "dep", phase: "loading" });
    page.asked[0].answer(response(200, { chats: [{ thread_id: "t" }], next: "" }));
    await settled();
    assert.deepEqual(page.last(), { query: "dep", phase: "found", chats: [{ thread_id: "t" }], next: "" });
  });

  it("gives up the request before, whose late answer is not shown", async () => {
    const page = story();
    page.finder.ask("dep");
    page.pass(150);
    page.finder.ask("deploy");
    page.pass(150);
    const [first, second] = page.asked;
    assert.deepEqual([first.signal.aborted, second.signal.aborted], [true, false]);
    second.answer(response(200, { chats: [], next: "" }));
    first.answer(response(200, { chats: [{ thread_id: "late" }], next: "" }));
    await settled();
    assert.deepEqual([page.last().query, page.last().chats], ["deploy", []]);
  });

  it("asks for nothing when the field is empty", () => {
    const page = story();
    page.finder.ask("dep");
    page.finder.ask("  ");
    page.pass(1_000);
    assert.deepEqual(page.asked, []);
  });

  it("says in a sentence why it failed", async () => {
    const said = async (answer) => {
      const page = story();
      page.finder.ask("dep");
      page.pass(150);
      answer(page.asked[0]);
      await settled();
      return [page.last().phase, page.last().problem];
    };
    const status = (code, body = null) => said(({ answer }) => answer(response(code, body)));
    assert.deepEqual(await said(({ fail }) => fail(new TypeError("Failed to fetch"))), ["failed", "Not connected. Check your connection, then try again."]);
    assert.deepEqual(await status(401, { message: "Log in first." }), ["failed", "Your session has ended. Log in again to search."]);
    assert.deepEqual(await status(429), ["failed", "That was too many searches at once. Try again in a moment."]);
    assert.deepEqual(await status(500), ["failed", "The search failed. Try again."]);
    assert.deepEqual(await status(503, { code: "unavailable", message: "Back in a moment." }), ["failed", "Back in a moment."]);
    assert.deepEqual(await status(422, { code: "unusable", message: "The search is too long." }), ["refused", "The search is too long."]);
    assert.deepEqual(await said(({ answer }) => answer({ ok: true, status: 200, json: async () => JSON.parse("<html>") })), ["failed", "The search failed. Try again."]);
  });

  it("has an address, whatever its text", () => {
    assert.equal(addressOf("a&b #1 数据"), "/search/?q=a%26b+%231+%E6%95%B0%E6%8D%AE");
    assert.equal(addressOf("x", "0d6a"), "/search/?q=x&chat=0d6a");
  });
});

describe("the words that were found", () => {
  const found = (words, text) => [...text.matchAll(patternOf(words))].map(({ 0: word, index }) => [word, index]);

  it("are taken from a result by its marks, each once", () => {
    assert.deepEqual(wordsOf("deploy it, then deploy 👍 that", [[0, 6], [16, 22], [23, 25]]), ["deploy", "👍"]);
  });

  it("are found at the beginnings of words, in capitals too", () => {
    assert.deepEqual(found(["a"], "A bar, a table, ça"), [["A", 0], ["a", 7]]);
    assert.deepEqual(found(["straße"], "STRASSE straße Hauptstraße"), [["straße", 8]]);
  });

  it("are found anywhere in scripts without spaces", () => {
    assert.deepEqual(found(["数据"], "这个数据库"), [["数据", 2]]);
  });

  it("are no pattern, and the longest of them wins", () => {
    assert.deepEqual(found(["a.b", "a.b(c)", "return value"], "a.b(c) axb return\n value"), [["a.b(c)", 0], ["return\n value", 11]]);
    assert.equal(patternOf([]), null);
    assert.equal(patternOf([" "]), null);
  });
});

describe("a title", () => {
  it("is what was typed if each typed word is marked in it", () => {
    assert.ok(isTitled(" boiled eggs ", [[0, 6], [7, 11]]));
    assert.ok(isTitled("eggs -bacon", [[0, 4]]));
    assert.ok(!isTitled("boiled eggs", [[0, 6]]));
    assert.ok(!isTitled("eggs", []));
  });
});

describe("a command", () => {
  it("is named by the beginnings of its words and of what people call it", () => {
    assert.ok(names(["new", "ch"], "New chat start"));
    assert.ok(names(["dark"], "Change the theme to dark"));
    assert.ok(!names(["new", "settings"], "New chat"));
    assert.ok(!names(["ew"], "New chat"));
  });
});

describe("the time of a result", () => {
  it("is short: the time today, the day this year, and the date before", () => {
    const now = new Date(2026, 10, 30, 12);
    assert.equal(shortTime(new Date(2026, 10, 30, 9, 5).toISOString(), now), "09:05");
    assert.equal(shortTime(new Date(2026, 2, 3, 9, 5).toISOString(), now), "3 Mar");
    assert.equal(shortTime(new Date(2025, 11, 31, 9, 5).toISOString(), now), "31 Dec 2025");
    assert.equal(shortTime("", now), "");
  });
});
