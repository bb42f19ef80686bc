/** Asks the server while a text is typed: after a pause, and only for what is in the field by then. */

const PAUSE_MS = 150;
const NOT_CONNECTED = "Not connected. Check your connection, then try again.";
const ENDED = "Your session has ended. Log in again to search.";
const TOO_MANY = "That was too many searches at once. Try again in a moment.";
const FAILED = "The search failed. Try again.";

const browser = {
  fetch: (...args) => window.fetch(...args),
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (timer) => window.clearTimeout(timer),
};

/** Where a search of this text is a page; with `chat`, everything found in that chat. */
export function addressOf(query, chat = "") {
  return `/search/?${new URLSearchParams({ q: query, ...(chat && { chat }) })}`;
}

export class Finder {
  #show;
  #env;
  #timer;
  #request = null;

  /** `show` gets `{query, phase}`: `loading`, then `found` with `chats` and `next`, `refused` or `failed` with a `problem`. */
  constructor(show, env = browser) {
    this.#show = show;
    this.#env = env;
  }

  /** Forgets what was asked before. Nothing is asked for white space. */
  ask(query, { pause = PAUSE_MS } = {}) {
    this.stop();
    if (!query.trim()) return;
    this.#show({ query, phase: "loading" });
    this.#timer = this.#env.setTimeout(() => this.#send(query), pause);
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }

  async #send(query) {
    const request = new AbortController();
    this.#request = request;
    const found = await this.#found(query, request.signal);
    if (!request.signal.aborted) this.#show({ query, ...found });
  }

  async #found(query, signal) {
    let response;
    try {
      response = await this.#env.fetch(addressOf(query), { headers: { Accept: "application/json" }, signal });
    } catch {
      return { phase: "failed", problem: NOT_CONNECTED };
    }
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) return { phase: "found", chats: answer.chats, next: answer.next };
    // A text that cannot be searched for is no failure: it may be the beginning of one that can.
    return { phase: response.status === 422 ? "refused" : "failed", problem: problemOf(response.status, answer) };
  }
}

function problemOf(status, answer) {
  if (status === 401) return ENDED;
  return answer?.message || (status === 429 ? TOO_MANY : FAILED);
}
