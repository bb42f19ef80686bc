import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Silence } from "../../static/src/chat/silence.js";
import { assistant, clock } from "./story.mjs";

/** A page with a clock that the test moves; `shown` is what it was told, in order. */
function story() {
  const it = Object.assign(clock(), { hears: true, shown: [], armed: 0 });
  const env = {
    now: () => it.now,
    setTimeout: (action, ms) => {
      it.armed += 1;
      it.setTimeout(action, ms);
    },
  };
  it.silence = new Silence({ hears: () => it.hears, show: (id) => it.shown.push(id) }, env);
  return it;
}

function running(content = "", more = {}) {
  return assistant(content, "streaming", { reasoning: "", reasoning_ms: null, thinking: false, tools: [], ...more });
}

const ID = running().id;

describe("silence", () => {
  it("is shown eight seconds after the last event, also before the first one, and goes with the next", () => {
    const page = story();
    page.silence.watch(running());
    page.pass(7_999);
    assert.deepEqual(page.shown, []);
    page.pass(1);
    assert.deepEqual(page.shown, [ID]);
    page.silence.watch(running("Hel"));
    assert.deepEqual(page.shown, [ID, null]);
    page.pass(8_000);
    assert.deepEqual(page.shown, [ID, null, ID]);
  });

  it("is not shown while events come, which need no timer each", () => {
    const page = story();
    for (let second = 0; second < 16; second += 1) {
      page.silence.watch(running("x".repeat(second)));
      page.pass(500);
    }
    assert.deepEqual([page.shown, page.armed], [[], 2]);
    page.silence.watch(running("", { reasoning: "Hm", reasoning_ms: 100, thinking: true }));
    page.pass(7_999);
    assert.deepEqual(page.shown, []);
  });

  it("is not broken by a snapshot, which repeats what is known", () => {
    const page = story();
    page.silence.watch(running("Hel", { created_at: null }));
    page.pass(8_000);
    page.silence.watch(running("Hel", { created_at: "2026-01-01T00:00:00Z" }));
    assert.deepEqual(page.shown, [ID]);
  });

  it("ends with the answer", () => {
    const page = story();
    page.silence.watch(running());
    page.pass(8_000);
    page.silence.watch(undefined);
    page.pass(60_000);
    assert.deepEqual(page.shown, [ID, null]);
  });

  it("is not shown while a tool runs, which the tool says itself", () => {
    const page = story();
    const tool = { call_id: "1", status: "running" };
    page.silence.watch(running("", { tools: [tool] }));
    page.pass(60_000);
    assert.deepEqual(page.shown, []);
    page.silence.watch(running("", { tools: [{ ...tool, status: "done" }] }));
    page.pass(8_000);
    assert.deepEqual(page.shown, [ID]);
  });

  it("is not shown while the connection is lost, and counted again when it is back", () => {
    const page = story();
    page.silence.watch(running());
    page.pass(8_000);
    page.hears = false;
    page.silence.restart();
    page.pass(60_000);
    assert.deepEqual(page.shown, [ID, null]);
    page.hears = true;
    page.silence.restart();
    page.pass(7_999);
    assert.deepEqual(page.shown, [ID, null]);
    page.pass(1);
    assert.deepEqual(page.shown, [ID, null, ID]);
  });
});
