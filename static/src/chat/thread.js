/** The chat page: brings the store, the socket and the parts of the page together. */
import { followTheme } from "../theme.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { startCopyButtons } from "./decoration.js";
import { draftOf, tabStorage } from "./draft.js";
import { MessageList } from "./messages.js";
import { Older } from "./older.js";
import { Outbox, sendFrame } from "./outbox.js";
import { askAgain } from "./again.js";
import { Rename, saveTitle } from "./rename.js";
import { Follower } from "./scroll.js";
import { Sidebar, UNTITLED } from "./sidebar.js";
import { Status } from "./status.js";
import { initialState, reduce } from "./store.js";
import { findMessage, hasPending, runningAnswer } from "./upserts.js";

export function startChat(main) {
  const { threadId, maxLength } = main.dataset;
  const settings = { limit: Number(maxLength), draft: draftOf(threadId) };
  const form = main.querySelector("#composer");
  // A new thread has no socket yet: its first message is a plain form post, which leads to the thread's own page.
  if (threadId) new ThreadPage(main, form, settings).start();
  else new Composer(form, settings);
}

class ThreadPage {
  #main;
  #state;
  #list;
  #follower;
  #composer;
  #connection;
  #status;
  #sidebar;
  #older;
  #outbox;

  constructor(main, form, settings) {
    const part = (id) => document.getElementById(id);
    const { threadId } = main.dataset;
    this.#main = main;
    this.#outbox = new Outbox(tabStorage(), threadId);
    this.#follower = new Follower(part("chat-scroll"), part("jump-to-latest"));
    const templates = { user: part("message-template-user"), assistant: part("message-template-assistant") };
    this.#list = new MessageList(part("chat-messages"), templates, (paint) => this.#follower.around(paint));
    this.#sidebar = new Sidebar(part("thread-list"), part("thread-template"));
    this.#older = new Older(part("older"), { add: (messages) => this.#addOlder(messages) });
    this.#composer = new Composer(form, {
      ...settings,
      onSend: (content, clientId, model) => this.#send(content, clientId, model),
      onStop: (id) => this.#stop(id),
    });
    const announce = (text) => this.#announce(text);
    const onRetry = () => this.#connection.open();
    this.#status = new Status(part("connection-status"), part("live-notice"), { announce, onRetry });
    this.#connection = new Connection(socketAddress(threadId), this.#forConnection());
    new Rename(part("rename"), {
      title: () => this.#state.title,
      save: (address, title) => this.#rename(address, title),
    });
    startCopyButtons(main, announce);
  }

  start() {
    const { threadId, cursor, rev } = this.#main.dataset;
    const messages = this.#list.read();
    const title = document.getElementById("thread-title").dataset.title;
    this.#state = initialState({ threadId, cursor, rev: Number(rev), title, messages });
    this.#list.adopt(this.#state.messages);
    this.#follower.toLatest();
    for (const letter of this.#outbox.letters) this.#dispatch({ type: "local.send", ...letter });
    this.#render();
    this.#listen();
    this.#connection.open();
  }

  #listen() {
    window.addEventListener("online", () => this.#connection.hurry());
    window.addEventListener("pagehide", () => this.#connection.close());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#connection.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#connection.hurry());
    this.#main.addEventListener("click", (event) => this.#clicked(event, event.target.closest("[data-action]")));
  }

  #forConnection() {
    return {
      position: () => this.#state,
      letters: () => this.#outbox.letters,
      isWaiting: () => Boolean(runningAnswer(this.#state)) || hasPending(this.#state),
      onFrame: (frame) => this.#received(frame),
      onStatus: (status) => this.#status.show(status),
      onDoubt: () => this.#dispatch({ type: "local.doubt" }),
      onEnd: (ending) => this.#end(ending),
    };
  }

  #received(frame) {
    if (frame.type === "live") this.#status.showLive(frame.on);
    else if (frame.type === "theme.changed") followTheme(frame.theme);
    else if (frame.type === "error") this.#composer.say(frame.message);
    else this.#dispatch(frame);
  }

  #dispatch(frame) {
    const { state, effects } = reduce(this.#state, frame);
    this.#state = state;
    this.#apply(effects);
    this.#render();
  }

  #apply({ acked = [], nacked, again, announce, thread, removed, older, sync }) {
    acked.forEach((clientId) => this.#outbox.settle(clientId));
    if (nacked) this.#refused(nacked);
    if (again) this.#connection.sendAgainIn(again);
    if (announce) this.#announce(announce);
    if (thread) this.#threadChanged(thread);
    if (removed) this.#sidebar.remove(removed);
    if (removed === this.#state.threadId) this.#end({ action: "stay", text: "This conversation was deleted." });
    if (older) this.#older.beginAt(older);
    if (sync) this.#connection.sync();
  }

  #render() {
    const running = runningAnswer(this.#state)?.id ?? null;
    this.#list.show(this.#state.messages);
    this.#composer.show({ running, waits: hasPending(this.#state) });
    this.#sidebar.update({ thread_id: this.#state.threadId, running: Boolean(running) });
  }

  // -- what the reader does -----------------------------------------------------------------------------------

  #send(content, clientId, model) {
    const letter = { client_id: clientId, content, model, created_at: new Date().toISOString() };
    this.#outbox.add(letter);
    this.#dispatch({ type: "local.send", ...letter });
    this.#follower.toLatest();
    if (this.#connection.isUp) this.#connection.send(sendFrame(letter));
    else this.#connection.hurry();
    this.#connection.watch();
  }

  #stop(id) {
    if (!this.#connection.isUp) return this.#composer.say("Not connected: the answer can be stopped when the connection is back.");
    this.#composer.stopping();
    this.#connection.send({ type: "response.cancel", message_id: id });
  }

  #clicked(event, button) {
    if (!button) return;
    event.preventDefault();
    const message = findMessage(this.#state, button.closest("article")?.dataset.messageId);
    if (button.dataset.action === "retry" && message) this.#tryAgain(message, false);
    if (button.dataset.action === "go-on" && message) this.#tryAgain(message, true);
    if (button.dataset.action === "copy" && message) this.#copy(message.content);
    if (button.dataset.action === "reload") window.location.reload();
  }

  /** An answer that ended is never changed: another one comes after it. */
  async #tryAgain({ id }, goOn) {
    if (runningAnswer(this.#state) || hasPending(this.#state)) return;
    const refused = await askAgain(this.#state.threadId, id, goOn);
    if (refused) this.#composer.say(refused);
    else this.#follower.toLatest();
  }

  async #rename(address, title) {
    const { titleRev } = this.#state;
    const saved = await saveTitle(address, title);
    if (saved.problem) return saved;
    this.#dispatch({ type: "local.title", title: saved.title, since: titleRev });
    this.#announce("Chat renamed");
    return saved;
  }

  async #copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.#announce("Answer copied");
    } catch {
      this.#composer.say("The browser does not allow copying here: select the text and press Ctrl+C.");
    }
  }

  #addOlder(messages) {
    const anchor = document.querySelector("#chat-messages > article");
    this.#follower.keeping(anchor, () => {
      this.#dispatch({ type: "local.older", messages });
      this.#list.flush();
    });
  }

  // -- what the server says -----------------------------------------------------------------------------------

  #refused({ client_id: clientId, message }) {
    const letter = this.#outbox.letters.find((other) => other.client_id === clientId);
    this.#outbox.settle(clientId);
    this.#composer.putBack(letter?.content ?? "", message);
  }

  #threadChanged(thread) {
    this.#sidebar.update(thread);
    if (thread.thread_id !== this.#state.threadId || thread.title === undefined) return;
    const title = thread.title || UNTITLED;
    document.getElementById("thread-title").textContent = title;
    document.title = `${title} · ${this.#main.dataset.siteName}`;
  }

  #end({ action, text }) {
    if (action === "login") return window.location.assign(`/accounts/login/?next=${encodeURIComponent(`/chat/${this.#state.threadId}/`)}`);
    this.#status.end();
    if (action === "stay") this.#returnUnsent();
    this.#composer.close();
    const notice = document.getElementById("chat-notice");
    notice.hidden = false;
    notice.querySelector(".notice-text").textContent = text;
    notice.querySelector('[data-action="reload"]').hidden = action === "stay";
  }

  /** There is no thread any more that could take them. */
  #returnUnsent() {
    for (const { client_id: clientId } of this.#outbox.letters) {
      this.#dispatch({ type: "nack", client_id: clientId, code: "not_found", message: "The message was not sent." });
    }
  }

  #announce(text) {
    document.getElementById("chat-announcer").textContent = text;
  }
}

function socketAddress(threadId) {
  const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${window.location.host}/ws/chat/${threadId}/`;
}
