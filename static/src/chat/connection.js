/**
 * The websocket of a thread: says hello, answers pings, reconnects, and notices silence.
 *
 * It knows frames only as far as the transport needs; what they mean is the store's business. The page provides
 * `position()` ({cursor, rev, wantSnapshot}), `pending()` (the outbox), `isWaiting()` (an answer or an ack is due) and
 * the callbacks `onFrame`, `onStatus`, `onDoubt` and `onEnd`.
 */
import { helloFrame, sendFrame } from "./outbox.js";
import { delayAfterClose, endingOf, failuresAfter, phaseAfter } from "./reconnect.js";

const NO_PONG = 4002;
const LOGOUT = "/accounts/logout/";

const WELCOME_MS = 10_000;
const QUIET_MS = 15_000;
const SYNC_ANSWER_MS = 5_000;
const SYNC_EVERY_MS = 2_000;
const HURRIED_SYNC_EVERY_MS = 250; // within the frames that the server takes
const HEARTBEAT_MS = 25_000;
const OLDER_MS = 10_000;
const BEING_UPDATED = "The server is being updated. Your change will be sent when it is done.";
const OLDER = { type: "nack", code: "overloaded", message: BEING_UPDATED, retry_ms: OLDER_MS };
const LATE_PING_MS = 10_000; // as long as the server waits for the pong

const browser = {
  open: (path) => new WebSocket(new URL(path, window.location.origin.replace(/^http/, "ws"))),
  now: () => performance.now(),
  isHidden: () => document.hidden,
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (id) => window.clearTimeout(id),
  random: Math.random,
};

export class Connection {
  #url;
  #page;
  #env;
  #socket = null;
  #timers = new Map();
  #failures = 0;
  #upSince = null;
  #retryMs;
  #byeAt = -Infinity;
  #ended = false;
  #lastSync = -Infinity;
  #live = true;
  #knowsVersions = false;
  #knowsSeen = false;
  #heartbeatMs = HEARTBEAT_MS;

  constructor(url, page, env = browser) {
    this.#url = url;
    this.#page = page;
    this.#env = env;
  }

  open() {
    this.#drop();
    this.#live = true;
    this.#page.onStatus({ phase: phaseAfter(this.#failures) });
    const socket = this.#env.open(this.#url);
    this.#socket = socket;
    socket.onopen = () => this.send(helloFrame(this.#page.position()));
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => this.#closed(code);
    this.#in(WELCOME_MS, "welcome", () => this.#reopen());
  }

  /** Reconnects without waiting: the browser is back online, the tab is visible again, or the reader asked. */
  hurry() {
    if (!this.#ended && !this.#socket) this.open();
  }

  /** Reconnects without waiting when that may help, and closes with the page, or permanently when `signal` is aborted. */
  followPage(signal) {
    signal?.addEventListener("abort", () => this.end());
    window.addEventListener("online", () => this.hurry(), { signal });
    window.addEventListener("pagehide", () => this.close(), { signal });
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.hurry(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry(), { signal });
    // The closing of the socket would lead to the login page, faster than the form leads elsewhere.
    document.addEventListener("submit", ({ target }) => target.action.endsWith(LOGOUT) && this.end(), { signal });
  }

  get isUp() {
    return this.#upSince !== null;
  }

  send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** Not to a server of an older release, which would refuse the frame. */
  see(id) {
    if (this.#knowsSeen) this.send({ type: "seen", message_id: id });
  }

  /** The user logs out, or moves to another chat. */
  end() {
    this.#ended = true;
    this.#drop();
  }

  /** The page is left. It may come back from the browser's cache: `hurry` then opens a new socket. */
  close() {
    this.#drop();
  }

  /**
   * Asks for a snapshot, at most once in two seconds; a request that comes too early is sent when its time has come. A reader who goes
   * from version to version (`hurries`) waits less.
   */
  sync(hurries = false) {
    if (!this.isUp || !this.#live || (this.#timers.has("sync") && !hurries)) return;
    const wait = this.#lastSync + (hurries ? HURRIED_SYNC_EVERY_MS : SYNC_EVERY_MS) - this.#env.now();
    if (wait > 0) return this.#in(wait, "sync", () => this.#page.position().wantSnapshot && this.sync(hurries));
    this.#lastSync = this.#env.now();
    this.send({ type: "sync" });
    this.#in(SYNC_ANSWER_MS, "answer", () => this.#reopen());
  }

  /** Resends what was refused temporarily, some time after the server's delay, so that not all tabs come at once. */
  resendIn(ms) {
    if (!this.#timers.has("resend")) this.#in(ms * (1 + this.#env.random()), "resend", () => this.#sendPending());
  }

  /** Called after each change: while an answer or an ack is due, silence raises a doubt. */
  watch() {
    if (!this.#page.isWaiting()) return this.#cancel("quiet");
    if (!this.#timers.has("quiet")) this.#in(QUIET_MS, "quiet", () => this.#doubt());
  }

  #doubt() {
    if (!this.isUp || !this.#page.isWaiting()) return;
    if (this.#live) this.#page.onDoubt();
    this.watch();
  }

  /** While Redis or the database is unavailable, the server sends text by itself, and a sync would only get the socket closed. */
  #setLive(isOn) {
    this.#live = isOn;
    if (!isOn) this.#cancel("answer");
    else if (this.#page.position().wantSnapshot) this.sync();
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
        return this.send({ type: "pong", n: frame.n, cursor: this.#page.position().cursor });
      case "bye":
        this.#retryMs = frame.retry_ms;
        this.#byeAt = this.#env.now();
        return;
      case "live":
        this.#setLive(frame.on);
        return this.#page.onFrame(frame);
      case "error":
        return this.#page.onFrame(frame);
      default:
        this.#cancel("quiet");
        if (frame.type === "thread.snapshot" || frame.type === "response.text") this.#cancel("answer");
        this.#page.onFrame(frame);
        this.watch();
    }
  }

  #welcomed({ heartbeat_ms: heartbeatMs, versions, release, seen }) {
    this.#knowsSeen = seen;
    this.#knowsVersions = versions;
    this.#cancel("welcome");
    this.#upSince = this.#env.now();
    this.#heartbeatMs = heartbeatMs || HEARTBEAT_MS;
    this.#retryMs = undefined;
    this.#page.onStatus({ phase: "connected", release });
    this.#sendPending();
    this.watch();
  }

  #sendPending() {
    for (const message of this.#page.pending()) this.post(message);
  }

  /** A server of an older release would store a changed question as a new message, and answer it: it is sent to a newer one. */
  post(message) {
    if (this.#knowsVersions || !message.edits) return this.send(sendFrame(message));
    const later = { ...OLDER, client_id: message.client_id };
    this.#in(OLDER_MS, "older", () => this.#page.pending().includes(message) && this.#page.onFrame(later));
  }

  #closed(code) {
    const upMs = this.#upSince === null ? 0 : this.#env.now() - this.#upSince;
    const ending = endingOf(code);
    this.#drop();
    if (ending) {
      this.#ended = true;
      return this.#page.onEnd(ending);
    }
    const sinceByeMs = this.#env.now() - this.#byeAt;
    const delay = delayAfterClose({ code, failures: this.#failures, retryMs: this.#retryMs, sinceByeMs }, this.#env.random);
    this.#failures = failuresAfter(this.#failures, upMs);
    this.#retryMs = undefined;
    this.#page.onStatus({ phase: phaseAfter(this.#failures) });
    // A hidden tab reconnects when it is seen again.
    if (!this.#env.isHidden()) this.#in(delay, "retry", () => this.open());
  }

  #reopen() {
    this.#closed(NO_PONG);
  }

  /** Drops the socket without waiting for its close: late events of a dead socket must not touch its successor. */
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
