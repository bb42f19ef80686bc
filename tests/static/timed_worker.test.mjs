import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { TimedWorker } from "../../static/src/chat/timed_worker.js";

const MOST_MS = 1_000;

/** Workers that answer when the test says so, and a clock that it moves. */
class World {
  workers = [];
  timers = new Map();
  #lastId = 0;

  constructor({ starts = true } = {}) {
    const env = {
      setTimeout: (action, ms) => {
        this.timers.set((this.#lastId += 1), { action, ms });
        return this.#lastId;
      },
      clearTimeout: (id) => this.timers.delete(id),
    };
    this.timed = new TimedWorker(() => this.#started(starts), MOST_MS, env);
  }

  #started(starts) {
    const worker = { asked: [], isEnded: false, postMessage: (question) => worker.asked.push(question), terminate: () => (worker.isEnded = true) };
    this.workers.push(worker);
    queueMicrotask(() => (starts ? worker.onmessage({ data: "ready" }) : worker.onerror()));
    return worker;
  }

  /** Asks, and resolves when the worker has the question. */
  async ask(question) {
    const answer = this.timed.ask(question);
    await new Promise(setImmediate);
    return { answer };
  }

  expire() {
    const [{ action, ms }] = this.timers.values();
    assert.equal(ms, MOST_MS);
    action();
  }
}

describe("a worker with a time limit", () => {
  it("answers one question after the other", async () => {
    const world = new World();
    for (const question of ["one", "two"]) {
      const { answer } = await world.ask(question);
      const [worker] = world.workers;
      assert.equal(worker.asked.at(-1), question);
      worker.onmessage({ data: question.toUpperCase() });
      assert.equal(await answer, question.toUpperCase());
      assert.equal(world.timers.size, 0);
    }
    assert.equal(world.workers.length, 1);
  });

  for (const [trouble, happen] of [
    ["takes too long", (world) => world.expire()],
    ["fails", (world) => world.workers[0].onerror()],
  ]) {
    it(`is ended when it ${trouble}, and the next question goes to another`, async () => {
      const world = new World();
      const { answer } = await world.ask("slow");
      happen(world);
      assert.equal(await answer, null);
      assert.ok(world.workers[0].isEnded);
      const next = await world.ask("quick");
      assert.deepEqual(world.workers[1].asked, ["quick"]);
      world.workers[1].onmessage({ data: "done" });
      assert.equal(await next.answer, "done");
    });
  }

  it("that does not start is an error, and is tried again", async () => {
    const world = new World({ starts: false });
    await assert.rejects(world.timed.ask("one"));
    await assert.rejects(world.timed.ask("two"));
    assert.deepEqual(world.workers.map(({ isEnded }) => isEnded), [true, true]);
  });
});
