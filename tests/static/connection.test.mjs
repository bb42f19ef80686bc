import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { Connection } from "../../static/src/chat/connection.js";
import { Outbox, helloFrame } from "../../static/src/chat/outbox.js";
import { Storage } from "../../static/src/chat/storage.js";
import { memory } from "./memory.mjs";

/** A world with a clock that is moved by hand and sockets that do what the test says. */
class World {
  time = 0;
  sockets = [];
  timers = new Map();
  heard = { frames: [], phases: [], endings: [], doubts: 0 };
  position = { cursor: "ab12cd34:1", rev: 1, wantSnapshot: false };
  pending = [];
  isWaiting = false;
  hidden = false;
  #lastId = 0;

  constructor() {
    this.connection = new Connection("ws://chat/", this.#outside(), this.#env());
    this.connection.open();
  }

  get socket() {
    return this.sockets.at(-1);
  }

  welcome(more = { versions: true }) {
    this.socket.readyState = 1;
    this.socket.onopen();
    this.say({ type: "welcome", mode: "replay", cursor: "ab12cd34:9", rev: 1, heartbeat_ms: 25_000, ...more });
  }

  say(frame) {
    this.socket.onmessage({ data: JSON.stringify(frame) });
  }

  pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = due[1].at;
      due[1].action();
    }
    this.time = end;
  }

  passUntilNextSocket() {
    const { length } = this.sockets;
    for (let ms = 0; ms < 30_000 && this.sockets.length === length; ms += 100) this.pass(100);
  }

  sent(type) {
    return this.sockets.flatMap(({ frames }) => frames).filter((frame) => frame.type === type);
  }

  #outside() {
    return {
      position: () => this.position,
      pending: () => this.pending,
      isWaiting: () => this.isWaiting,
      onFrame: (frame) => this.heard.frames.push(frame),
      onStatus: ({ phase }) => this.heard.phases.push(phase),
      onEnd: (ending) => this.heard.endings.push(ending),
      onDoubt: () => this.#doubt(),
    };
  }

  #doubt() {
    this.heard.doubts += 1;
    this.position = { ...this.position, wantSnapshot: true };
    this.connection.sync();
  }

  #env() {
    return {
      open: () => this.#newSocket(),
      now: () => this.time,
      isHidden: () => this.hidden,
      random: () => 0.5,
      setTimeout: (action, ms) => {
        this.timers.set((this.#lastId += 1), { at: this.time + ms, action });
        return this.#lastId;
      },
      clearTimeout: (id) => this.timers.delete(id),
    };
  }

  #newSocket() {
    const frames = [];
    const socket = { readyState: 0, frames, send: (data) => frames.push(JSON.parse(data)), close: () => (socket.readyState = 3) };
    this.sockets.push(socket);
    return socket;
  }
}

let world;
beforeEach(() => {
  world = new World();
});

describe("a connection", () => {
  it("sends the page's position first", () => {
    world.welcome();
    assert.deepEqual(world.socket.frames[0], { type: "hello", v: 1, cursor: "ab12cd34:1", rev: 1 });
    assert.deepEqual(world.heard.phases, ["connecting", "connected"]);
  });

  it("answers a ping with its number and the page's cursor", () => {
    world.welcome();
    world.say({ type: "ping", n: 7 });
    assert.deepEqual(world.sent("pong"), [{ type: "pong", n: 7, cursor: "ab12cd34:1" }]);
  });

  it("sends again what was not acknowledged, each time it is welcomed", () => {
    world.pending = [{ client_id: "c1", content: "Hi", created_at: "now" }];
    world.welcome();
    world.socket.onclose({ code: 1006 });
    world.pass(1_000);
    world.welcome();
    assert.deepEqual(world.sent("message.send"), Array(2).fill({ type: "message.send", client_id: "c1", content: "Hi" }));
  });

  it("keeps a changed question for a newer server, and says so when that lasts", () => {
    const edit = { client_id: "c1", content: "Hi", edits: "q1" };
    world.pending = [{ client_id: "c2", content: "Hello", queue: true }, edit];
    world.welcome({});
    world.connection.post(edit);
    assert.deepEqual(world.sent("message.send").map(({ client_id: id }) => id), ["c2"]);
    assert.deepEqual(world.heard.frames, []);
    world.pass(10_000);
    assert.deepEqual(world.heard.frames.map(({ client_id: id, code }) => [id, code]), [["c1", "overloaded"]]);
    world.connection.resendIn(1_000);
    world.pending = world.pending.slice(0, 1); // the reader takes it back
    world.pass(20_000);
    assert.equal(world.heard.frames.length, 1);
    world.pending = [edit];
    world.socket.onclose({ code: 1012 });
    world.pass(1_000);
    world.welcome();
    assert.deepEqual(world.sent("message.send").at(-1), { type: "message.send", client_id: "c1", content: "Hi", edits: "q1" });
  });

  it("sends once more, and once, what was refused for now", () => {
    world.pending = [{ client_id: "c1", content: "Hi" }];
    world.welcome();
    world.connection.resendIn(1_000);
    world.connection.resendIn(1_000);
    world.pass(1_400);
    assert.equal(world.sent("message.send").length, 1);
    world.pass(200);
    assert.equal(world.sent("message.send").length, 2);
    world.pass(10_000);
    assert.equal(world.sent("message.send").length, 2);
  });

  it("sends a message again with the model that it was written for", () => {
    world.pending = [{ client_id: "c1", content: "Hi", model: "small" }, { client_id: "c2", content: "Ho", model: "" }];
    world.welcome();
    assert.deepEqual(world.sent("message.send"), [
      { type: "message.send", client_id: "c1", content: "Hi", model: "small" },
      { type: "message.send", client_id: "c2", content: "Ho" },
    ]);
  });

  it("asks for a snapshot in every hello while the wish is open", () => {
    world.position = { ...world.position, wantSnapshot: true };
    world.welcome();
    assert.equal(world.sent("hello")[0].want, "snapshot");
  });

  it("hands on what it does not know, and swallows what is not JSON", () => {
    world.welcome();
    world.socket.onmessage({ data: "{" });
    world.say({ type: "live", on: false });
    world.say({ type: "final", message_id: "a" });
    assert.deepEqual(world.heard.frames.map(({ type }) => type), ["live", "final"]);
  });
});

describe("a restart", () => {
  it("is over within seconds: until then the tab tries often, also when its handshakes are refused", () => {
    world.welcome();
    world.say({ type: "bye", reason: "restart", retry_ms: 1_000 });
    world.socket.onclose({ code: 1012 });
    world.pass(500);
    const tries = [];
    for (let refused = 0; refused < 12; refused += 1) {
      world.socket.onclose({ code: 1006 });
      const since = world.time;
      world.passUntilNextSocket();
      tries.push(world.time - since);
    }
    assert.deepEqual(tries.slice(0, 5), [500, 1_000, 2_000, 2_500, 2_500]);
    assert.equal(Math.max(...tries), 2_500);
  });
});

describe("while live updates are unavailable", () => {
  it("silence does not cause a sync, and the socket stays", () => {
    world.isWaiting = true;
    world.welcome();
    world.say({ type: "live", on: false });
    for (let seconds = 0; seconds < 120; seconds += 20) {
      world.pass(20_000);
      world.say({ type: "ping", n: seconds });
    }
    assert.deepEqual([world.heard.doubts, world.sockets.length, world.sent("sync").length], [0, 1, 0]);
    world.say({ type: "live", on: true });
    world.pass(15_000);
    assert.equal(world.heard.doubts, 1);
  });

  it("a sync that can't be answered is repeated afterwards", () => {
    world.welcome();
    world.position = { ...world.position, wantSnapshot: true };
    world.connection.sync();
    world.say({ type: "live", on: false });
    world.pass(30_000);
    assert.deepEqual([world.sockets.length, world.sent("sync").length], [1, 1]);
    world.say({ type: "live", on: true });
    assert.equal(world.sent("sync").length, 2);
  });

  it("a new socket begins with the hope that they are there", () => {
    world.isWaiting = true;
    world.welcome();
    world.say({ type: "live", on: false });
    world.socket.onclose({ code: 1006 });
    world.passUntilNextSocket();
    world.welcome();
    world.pass(15_000);
    assert.equal(world.heard.doubts, 1);
  });
});

describe("coming back", () => {
  it("does not wait for a connection on which nothing comes, not even a late ping", () => {
    world.welcome();
    world.pass(20_000);
    world.say({ type: "ping", n: 1 });
    world.pass(34_900);
    assert.equal(world.connection.isUp, true);
    world.pass(200);
    assert.equal(world.connection.isUp, false);
    world.passUntilNextSocket();
    assert.equal(world.sockets.length, 2);
  });

  it("is automatic, and goes on after five failures", () => {
    for (let failure = 0; failure < 5; failure += 1) {
      world.socket.onclose({ code: 1006 });
      assert.equal(world.heard.phases.at(-1), "reconnecting");
      world.passUntilNextSocket();
    }
    assert.equal(world.sockets.length, 6);
  });

  it("waits while the tab is hidden, and happens at once when it is visible again", () => {
    world.welcome();
    world.hidden = true;
    world.socket.onclose({ code: 1006 });
    world.pass(3_600_000);
    assert.equal(world.sockets.length, 1);
    world.connection.hurry();
    assert.equal(world.sockets.length, 2);
  });

  it("does not open a second socket beside a good one", () => {
    world.welcome();
    world.connection.hurry();
    assert.equal(world.sockets.length, 1);
  });

  it("never happens after a permanent close code", () => {
    world.welcome();
    world.socket.onclose({ code: 4505 });
    world.pass(3_600_000);
    world.connection.hurry();
    assert.equal(world.sockets.length, 1);
    assert.equal(world.heard.endings[0].action, "stay");
  });

  it("happens when no welcome comes", () => {
    world.pass(10_600);
    assert.equal(world.sockets.length, 2);
  });
});

describe("the watchdog", () => {
  beforeEach(() => {
    world.welcome();
    world.isWaiting = true;
    world.connection.watch();
  });

  it("asks after fifteen seconds without an event; pings are no events", () => {
    world.pass(10_000);
    world.say({ type: "ping", n: 1 });
    world.pass(4_999);
    assert.equal(world.sent("sync").length, 0);
    world.pass(1);
    assert.equal(world.sent("sync").length, 1);
  });

  it("is calmed by every event of the reply", () => {
    world.pass(14_000);
    world.say({ type: "response.output_text.delta", message_id: "a", pos: 0, delta: "x" });
    world.pass(14_000);
    assert.equal(world.sent("sync").length, 0);
  });

  it("reconnects without a cursor when a sync has no answer within five seconds", () => {
    world.pass(20_600);
    assert.equal(world.sockets.length, 2);
    world.welcome();
    assert.equal(world.sent("hello")[1].want, "snapshot");
  });

  it("is content with a snapshot", () => {
    world.pass(15_000);
    world.say({ type: "thread.snapshot", messages: [] });
    world.isWaiting = false;
    world.connection.watch();
    world.pass(20_000);
    assert.equal(world.sockets.length, 1);
  });
});

describe("a sync", () => {
  beforeEach(() => {
    world.welcome();
    world.position = { ...world.position, wantSnapshot: true };
  });

  it("is asked at most once in two seconds, and a wish in between is not lost", () => {
    for (let n = 0; n < 10; n += 1) world.connection.sync();
    assert.equal(world.sent("sync").length, 1);
    world.say({ type: "thread.snapshot", messages: [] });
    world.pass(1_999);
    assert.equal(world.sent("sync").length, 1);
    world.pass(1);
    assert.equal(world.sent("sync").length, 2);
  });

  it("for a change of the path waits a quarter of a second, also when another one waits for longer", () => {
    world.connection.sync();
    world.connection.sync();
    world.connection.sync(true);
    world.pass(249);
    assert.equal(world.sent("sync").length, 1);
    world.pass(1);
    assert.equal(world.sent("sync").length, 2);
    world.say({ type: "thread.snapshot", messages: [] });
    world.pass(250);
    world.connection.sync(true);
    assert.equal(world.sent("sync").length, 3);
  });

  it("that was granted in the meantime is not asked again", () => {
    world.connection.sync();
    world.connection.sync();
    world.position = { ...world.position, wantSnapshot: false };
    world.say({ type: "thread.snapshot", messages: [] });
    world.pass(3_000);
    assert.equal(world.sent("sync").length, 1);
  });
});

describe("the outbox", () => {
  it("survives a reload until the message is settled", () => {
    const storage = new Storage(() => memory());
    new Outbox(storage, "u:t").add({ client_id: "c1", content: "Hi" });
    const reloaded = new Outbox(storage, "u:t");
    assert.deepEqual(reloaded.messages, [{ client_id: "c1", content: "Hi" }]);
    reloaded.settle("c1");
    assert.deepEqual(storage.keys(""), []);
  });

  it("is not that of another thread, nor that of another user", () => {
    const storage = new Storage(() => memory());
    new Outbox(storage, "u:t").add({ client_id: "c1", content: "Hi" });
    for (const other of ["u:other", "other:t"]) assert.deepEqual(new Outbox(storage, other).messages, []);
  });

  it("keeps what another tab of the thread has added", () => {
    const storage = new Storage(() => memory());
    const [one, two] = [new Outbox(storage, "u:t"), new Outbox(storage, "u:t")];
    one.add({ client_id: "c1", content: "One" });
    two.add({ client_id: "c2", content: "Two" });
    assert.deepEqual(new Outbox(storage, "u:t").messages.map(({ content }) => content), ["One", "Two"]);
    one.settle("c1");
    assert.deepEqual(new Outbox(storage, "u:t").messages, [{ client_id: "c2", content: "Two" }]);
  });

  it("works with a storage that is missing, refuses or holds nonsense, and then says what a closed page would lose", () => {
    const refusing = { getItem: () => "{nonsense", setItem: () => { throw new Error("full"); }, removeItem() {} };
    for (const opened of [() => null, () => refusing, () => { throw new Error("private"); }]) {
      const outbox = new Outbox(new Storage(opened), "u:t");
      assert.equal(outbox.wouldLose, false);
      outbox.add({ client_id: "c1", content: "Hi" });
      assert.equal(outbox.messages.length, 1);
      assert.equal(outbox.wouldLose, true);
      outbox.settle("c1");
      assert.equal(outbox.wouldLose, false);
    }
  });
});

it("hello has no `want` when no snapshot is wanted", () => {
  assert.equal("want" in helloFrame({ cursor: "", rev: 0, wantSnapshot: false }), false);
});
