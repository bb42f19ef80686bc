/**
 * The websocket of a thread: says hello, answers pings, comes back, and notices when nothing comes.
 *
 * It knows frames only as far as the transport needs; what they mean is the store's business. The outside gives
 * `position()` ({cursor, rev, wantSnapshot}), `letters()` (the outbox), `isWaiting()` (an answer or an ack is due)
 * and hears of `onFrame`, `onStatus`, `onDoubt` and `onEnd`.
 */
import { helloFrame, sendFrame } from "./outbox.js";
import { delayAfterClose, endingOf, failuresAfter, phaseAfter } from "./reconnect.js";

const WELCOME_MS = 10_000;
const QUIET_MS = 15_000;
const SYNC_ANSWER_MS = 5_000;
const SYNC_EVERY_MS = 2_000;
const HEARTBEAT_MS = 25_000;
const LATE_PING_MS = 10_000; // as long as the server waits for the pong

const browser = {
  open: (url) => new WebSocket(url),
  now: () => performance.now(),
  isHidden: () => document.hidden,
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (id) => window.clearTimeout(id),
  random: Math.random,
};

export class Connection {
  #url;
  #outside;
  #env;
  #socket = null;
  #timers = new Map();
  #failures = 0;
  #upSince = null;
  #retryMs;
  #ended = false;
  #lastSync = -Infinity;
  #live = true;
  #heartbeatMs = HEARTBEAT_MS;

  constructor(url, outside, env = browser) {
    this.#url = url;
    this.#outside = outside;
    this.#env = env;
  }

  open() {
    this.#drop();
    this.#live = true;
    this.#outside.onStatus({ phase: phaseAfter(this.#failures) });
    const socket = this.#env.open(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.send(helloFrame(this.#outside.position()));
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => this.#closed(code);
    this.#in(WELCOME_MS, "welcome", () => this.#reopen());
  }

  /** Back online, visible again, or the reader asked: no waiting. */
  hurry() {
    if (!this.#ended && !this.#socket) this.open();
  }

  get isUp() {
    return this.#upSince !== null;
  }

  send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** The page leaves, or may come back from the browser's cache later: `hurry` opens again. */
  close() {
    this.#drop();
  }

  /** Asks for the truth, at most once in two seconds; a wish that came too early is asked when its time has come. */
  sync() {
    if (!this.isUp || !this.#live || this.#timers.has("sync")) return;
    const wait = this.#lastSync + SYNC_EVERY_MS - this.#env.now();
    if (wait > 0) return this.#in(wait, "sync", () => this.#outside.position().wantSnapshot && this.sync());
    this.#lastSync = this.#env.now();
    this.send({ type: "sync" });
    this.#in(SYNC_ANSWER_MS, "answer", () => this.#reopen());
  }

  /** What was refused for now, a little after the time that the server asks for: not all tabs in one moment. */
  sendAgainIn(ms) {
    if (!this.#timers.has("again")) this.#in(ms * (1 + this.#env.random()), "again", () => this.#sendLetters());
  }

  /** Called after each change: while something is due, silence is looked into. */
  watch() {
    if (!this.#outside.isWaiting()) return this.#cancel("quiet");
    if (!this.#timers.has("quiet")) this.#in(QUIET_MS, "quiet", () => this.#doubt());
  }

  #doubt() {
    if (!this.isUp || !this.#outside.isWaiting()) return;
    if (this.#live) this.#outside.onDoubt();
    this.watch();
  }

  /** While a store is away the server sends what there is by itself, and asking for more would only cost the socket. */
  #setLive(isOn) {
    this.#live = isOn;
    if (!isOn) this.#cancel("answer");
    else if (this.#outside.position().wantSnapshot) this.sync();
  }

  #received(data) {
    const frame = parsed(data);
    this.#in(this.#heartbeatMs + LATE_PING_MS, "silence", () => this.#reopen());
    switch (frame?.type) {
      case undefined:
        return;
      case "welcome":
        return this.#welcomed(frame);
      case "ping":
        return this.send({ type: "pong", n: frame.n, cursor: this.#outside.position().cursor });
      case "bye":
        this.#retryMs = frame.retry_ms;
        return;
      case "live":
        this.#setLive(frame.on);
        return this.#outside.onFrame(frame);
      case "error":
        return this.#outside.onFrame(frame);
      default:
        this.#cancel("quiet");
        if (frame.type === "thread.snapshot" || frame.type === "response.text") this.#cancel("answer");
        this.#outside.onFrame(frame);
        this.watch();
    }
  }

  #welcomed({ heartbeat_ms: heartbeatMs }) {
    this.#cancel("welcome");
    this.#upSince = this.#env.now();
    this.#heartbeatMs = heartbeatMs || HEARTBEAT_MS;
    this.#retryMs = undefined;
    this.#outside.onStatus({ phase: "connected" });
    this.#sendLetters();
    this.watch();
  }

  #sendLetters() {
    for (const letter of this.#outside.letters()) this.send(sendFrame(letter));
  }

  #closed(code) {
    const upMs = this.#upSince === null ? 0 : this.#env.now() - this.#upSince;
    const ending = endingOf(code);
    this.#drop();
    if (ending) {
      this.#ended = true;
      return this.#outside.onEnd(ending);
    }
    const delay = delayAfterClose({ code, failures: this.#failures, retryMs: this.#retryMs }, this.#env.random);
    this.#failures = failuresAfter(this.#failures, upMs);
    this.#retryMs = undefined;
    this.#outside.onStatus({ phase: phaseAfter(this.#failures) });
    // Nobody looks at a hidden tab: it comes back when it is seen again.
    if (!this.#env.isHidden()) this.#in(delay, "retry", () => this.open());
  }

  #reopen() {
    this.#closed(4002);
  }

  /** Lets go of the socket without hearing its close: what a dead one says late must not touch its successor. */
  #drop() {
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    const socket = this.#socket;
    this.#socket = null;
    this.#upSince = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  #in(ms, name, action) {
    this.#cancel(name);
    const id = this.#env.setTimeout(() => {
      this.#timers.delete(name);
      action();
    }, ms);
    this.#timers.set(name, id);
  }

  #cancel(name) {
    this.#env.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
