/**
 * Unsent text, for one user and one chat.
 *
 * Each tab has its own copy, so that two tabs don't overwrite each other. A second copy outlives the tab: phones end browsers
 * without notice, and the text is then in the next tab that opens the chat. What another user wrote is never read.
 */
import { newId } from "./ids.js";
import { browserStorage, openTabs, tabId, tabStorage } from "./storage.js";

const KEPT_MS = 30 * 86_400_000; // as long as a login can last

export function draftOf(userId, threadId) {
  const tab = tabStorage();
  const draft = new Draft(`draft:${userId}:${threadId || "new"}:`, tabId(tab), { tab, shared: browserStorage(), openTabs });
  draft.forgetOld();
  return draft;
}

export class Draft {
  #prefix;
  #key;
  #env;
  #sent;
  #isKept = true;

  /** `tab` and `shared` are storages; `openTabs` resolves to a function that tells whether a tab is open. */
  constructor(prefix, tab, env) {
    this.#prefix = prefix;
    this.#key = prefix + tab;
    this.#env = env;
    this.#sent = this.#own?.sent ?? null;
  }

  /** Whether the text that was written last would survive this page. */
  get isKept() {
    return this.#isKept;
  }

  read() {
    return this.#own?.text ?? "";
  }

  write(text) {
    const value = text ? { text, sent: this.#sent, at: Date.now() } : null;
    const kept = [this.#env.tab, this.#env.shared].map((storage) => storage.write(this.#key, value));
    this.#isKept = !text || kept.includes(true);
  }

  /** The message was stored. */
  clear() {
    this.#sent = null;
    this.write("");
  }

  /**
   * The client_id to send a text with. It stays the same until the text changes: the server may have stored a message whose
   * response was lost, and stores it once per client_id.
   */
  clientIdOf(content) {
    if (this.#sent?.content !== content) this.remember(content, newId());
    return this.#sent.client_id;
  }

  /** This text was sent with this client_id, and may have been stored. */
  remember(content, clientId) {
    this.#sent = { content, client_id: clientId };
    this.write(content);
  }

  /** Whether this text was sent as one of these messages, which the server has stored. */
  isAmong(messages) {
    const { content, client_id: id } = this.#sent ?? {};
    return this.read() === content && messages.some((message) => message.client_id === id);
  }

  /** The text of a tab that was closed, or "". It moves to this tab. */
  async inherited() {
    const isOpen = await this.#env.openTabs();
    const left = this.#env.shared.keys(this.#prefix).filter((key) => !isOpen(key.slice(this.#prefix.length)));
    const drafts = left.map((key) => ({ key, ...this.#env.shared.read(key) })).filter(({ text }) => text);
    const [newest] = drafts.sort((one, other) => other.at - one.at);
    if (!newest || this.read()) return "";
    this.#env.shared.write(newest.key, null);
    this.#sent = newest.sent ?? null;
    this.write(newest.text);
    return newest.text;
  }

  /** Removes what any user left here long ago. */
  forgetOld() {
    const { shared } = this.#env;
    for (const key of shared.keys("draft:")) {
      if (!(shared.read(key)?.at > Date.now() - KEPT_MS)) shared.write(key, null);
    }
  }

  get #own() {
    return this.#env.tab.read(this.#key);
  }
}
