import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { FirstMessage } from "../../static/src/chat/first_message.js";

const MESSAGE = { client_id: "c1", content: "  Hello\n", model: "" };

/** Answers each request with the next of `answers`: a status with a body, or an exception. */
class World {
  requests = [];
  heard = [];
  timers = new Map();
  #lastId = 0;

  constructor(...answers) {
    const hear = (name) => (value) => this.heard.push([name, value]);
    const page = { onStored: hear("stored"), onLater: hear("later"), onRefused: hear("refused"), onLogin: hear("login") };
    this.first = new FirstMessage(page, {
      fetch: async (address, request) => {
        this.requests.push({ address, ...request });
        const [status, body] = answers.shift();
        await this.held;
        return { status, json: async () => JSON.parse(body) };
      },
      setTimeout: (action, ms) => {
        this.timers.set((this.#lastId += 1), { action, ms });
        return this.#lastId;
      },
      clearTimeout: (id) => this.timers.delete(id),
      random: () => 0.5,
    });
  }

  get delays() {
    return [...this.timers.values()].map(({ ms }) => ms);
  }

  /** Begins an attempt that is under way until the function returned is called; that resolves when its outcome has been handled. */
  hold(attempt) {
    let release;
    this.held = new Promise((resolve) => (release = resolve));
    const over = attempt();
    this.held = null;
    return () => release() ?? over;
  }

  async pass() {
    const [[id, { action }]] = this.timers;
    this.timers.delete(id);
    await action();
  }
}

const stored = [201, '{"thread_id": "t", "message_id": "m", "reply_id": "r"}'];
const restarting = [503, '{"code": "draining", "message": "Restarting.", "retry_ms": 1000}'];
const gateway = [502, "<html>"];

describe("the first message", () => {
  it("is a form that asks for JSON, with the text as it was typed", async () => {
    const world = new World(stored);
    await world.first.send({ ...MESSAGE, model: "large" });
    const [{ address, method, headers, body }] = world.requests;
    assert.deepEqual([address, method, headers.Accept], ["/chat/", "POST", "application/json"]);
    assert.deepEqual(Object.fromEntries(body), { message: "  Hello\n", client_id: "c1", model: "large" });
    assert.deepEqual(world.heard, [["stored", "t"]]);
  });

  it("is sent again with the same client_id until it is stored", async () => {
    const world = new World(restarting, gateway, gateway, stored);
    await world.first.send(MESSAGE);
    assert.deepEqual(world.delays, [1_500]); // what the server asks for, and up to as long again
    await world.pass();
    assert.deepEqual(world.delays, [500]); // backoff with jitter
    await world.pass();
    assert.deepEqual(world.delays, [1_000]);
    await world.pass();
    assert.deepEqual(world.heard.map(([name]) => name), ["later", "later", "later", "stored"]);
    assert.deepEqual(new Set(world.requests.map(({ body }) => body.get("client_id"))), new Set(["c1"]));
    assert.deepEqual(world.delays, []);
  });

  it("waits without a word when it was only too quick", async () => {
    const world = new World([429, '{"code": "rate_limited", "message": "Too quick.", "retry_ms": 700}']);
    await world.first.send(MESSAGE);
    assert.deepEqual(world.heard, [["later", ""]]);
  });

  it("waits with the server's words when the server is full", async () => {
    const world = new World([503, '{"code": "overloaded", "message": "The site is busy.", "retry_ms": 2000}'], stored);
    await world.first.send(MESSAGE);
    assert.deepEqual(world.heard, [["later", "The site is busy."]]);
    assert.deepEqual(world.delays, [3_000]);
    await world.pass();
    assert.deepEqual(world.heard.at(-1), ["stored", "t"]);
  });

  it("is not sent again when it was refused permanently, or the login has ended", async () => {
    const refusals = [
      [[402, '{"code": "budget_exceeded", "message": "Used up.", "retry_ms": 0}'], ["refused", "Used up."]],
      [[413, '{"code": "request_entity_too_large", "message": "Send less."}'], ["refused", "Send less."]],
      [[500, "{}"], ["refused", "Your message was not sent. Try again."]],
      [[401, '{"code": "unauthorized", "message": "Log in first."}'], ["login", undefined]],
    ];
    for (const [answer, heard] of refusals) {
      const world = new World(answer);
      await world.first.send(MESSAGE);
      assert.deepEqual(world.heard, [heard]);
      assert.deepEqual(world.delays, []);
    }
  });

  it("is sent at once when the browser is back online, but only if it waits", async () => {
    const world = new World(gateway, stored);
    world.first.hurry();
    assert.equal(world.requests.length, 0);
    await world.first.send(MESSAGE);
    world.first.hurry();
    world.first.hurry();
    assert.equal(world.requests.length, 2);
    assert.deepEqual(world.delays, []);
  });

  it("is not sent by itself after the text was changed", async () => {
    const world = new World(gateway);
    await world.first.send(MESSAGE);
    assert.equal(world.first.cancel(), true);
    assert.deepEqual(world.delays, []);
    assert.equal(world.first.cancel(), false);
  });

  for (const [outcome, answer] of [["stored", stored], ["still not stored", gateway], ["refused", [500, "{}"]]]) {
    it(`leaves the page alone when it is ${outcome} after the text was changed`, async () => {
      const world = new World(gateway, answer);
      await world.first.send(MESSAGE);
      const answered = world.hold(() => world.pass());
      assert.equal(world.first.cancel(), true);
      await answered();
      assert.deepEqual(world.heard.map(([name]) => name), ["later"]);
      assert.deepEqual(world.delays, []);
      assert.equal(world.first.cancel(), false);
    });
  }

  it("is one message with one wait when it is sent while it is being sent again", async () => {
    const world = new World(gateway, stored, gateway, stored);
    await world.first.send(MESSAGE);
    const answered = world.hold(() => world.pass());
    await world.first.send({ ...MESSAGE, content: "Changed", client_id: "c2" });
    await answered();
    assert.equal(world.delays.length, 1);
    await world.pass();
    assert.deepEqual(world.requests.map(({ body }) => body.get("client_id")), ["c1", "c1", "c2", "c2"]);
    assert.deepEqual(world.heard.map(([name]) => name), ["later", "later", "stored"]);
    assert.deepEqual(world.delays, []);
  });

  it("leaves a refusal on the page while the text is changed", async () => {
    const world = new World([500, "{}"]);
    await world.first.send(MESSAGE);
    assert.equal(world.first.cancel(), false);
  });
});
