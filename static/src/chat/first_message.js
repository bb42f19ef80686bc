/** The first message of a chat: sent again and again until the server has stored it or refused it permanently. */
import { delayMs } from "./reconnect.js";

const ANSWER_MS = 20_000; // the server reports a lost database within 10 s

const AUTOMATICALLY = "Your message will be sent automatically.";
const NOT_CONNECTED = `You're not connected. ${AUTOMATICALLY}`;
const UNAVAILABLE = `The service is temporarily unavailable. ${AUTOMATICALLY}`;
const NOT_SENT = "Your message was not sent. Try again.";

const browser = {
  fetch: (...request) => window.fetch(...request),
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (id) => window.clearTimeout(id),
  random: Math.random,
};

export class FirstMessage {
  #page;
  #env;
  #message = null;
  #failures = 0;
  #timer = null;

  /** The page provides `onStored(threadId)`, `onLater(sentence)`, `onRefused(sentence)` and `onLogin()`. */
  constructor(page, env = browser) {
    this.#page = page;
    this.#env = env;
  }

  send(message) {
    this.#message = message;
    this.#failures = 0;
    return this.#attempt();
  }

  /** The browser is back online, or the tab is visible again. */
  hurry() {
    if (this.#timer !== null) this.#attempt();
  }

  /** The user changed the text, or canceled. Returns whether the message would have been sent again. */
  cancel() {
    const isWaiting = this.#message !== null;
    this.#message = null;
    this.#wait(null);
    return isWaiting;
  }

  async #attempt() {
    this.#wait(null);
    const message = this.#message;
    const { threadId, later, retryMs, refused, login } = await posted(message, this.#env.fetch);
    // Canceled, or sent again. If it was stored, it is among the chats, and what is in the field is another text.
    if (message !== this.#message) return;
    if (later === undefined) this.#message = null;
    if (threadId) return this.#page.onStored(threadId);
    if (login) return this.#page.onLogin();
    if (refused) return this.#page.onRefused(refused);
    const delay = retryMs ? retryMs * (1 + this.#env.random()) : delayMs((this.#failures += 1), this.#env.random);
    this.#wait(this.#env.setTimeout(() => this.#attempt(), delay));
    this.#page.onLater(later);
  }

  #wait(timer) {
    if (this.#timer !== null) this.#env.clearTimeout(this.#timer);
    this.#timer = timer;
  }
}

/** `{threadId}`, `{login}`, `{refused}` (a sentence), or `{later}` (a sentence) with `retryMs` if the server gave it. */
async function posted({ content, client_id, model }, send) {
  const body = new URLSearchParams({ message: content, client_id, ...(model ? { model } : {}) });
  const headers = { Accept: "application/json" };
  try {
    const response = await send("/chat/", { method: "POST", headers, body, signal: AbortSignal.timeout(ANSWER_MS) });
    return outcome(response.status, await response.json());
  } catch {
    return { later: NOT_CONNECTED }; // also when a proxy answers for a server that it can't reach
  }
}

function outcome(status, { thread_id: threadId, code, message = NOT_SENT, retry_ms: retryMs }) {
  if (threadId) return { threadId };
  if (status === 401) return { login: true };
  if (!retryMs) return { refused: message };
  if (code === "overloaded") return { later: message, retryMs };
  return { later: status === 429 ? "" : UNAVAILABLE, retryMs }; // sent too quickly: it's sent in a moment
}
