/** The chat page: wires the store, the socket and the parts of the page together. */
import { copyBy, selected } from "../copy.js";
import { followTheme } from "../theme.js";
import { Announcer } from "./announcer.js";
import { ChatList } from "./chat_list.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { startCopyButtons } from "./decoration.js";
import { draftOf } from "./draft.js";
import { HistoryLoader } from "./history.js";
import { newId } from "./ids.js";
import { isolated } from "./isolates.js";
import { startKeyboard } from "./keyboard.js";
import { Later, isEditing, readQueue } from "./later.js";
import { goToLogin, keepFromLeaving } from "./leaving.js";
import { findMessage, hasPending, lastOf, runningAnswer, shownOf } from "./message_updates.js";
import { MessageList } from "./messages.js";
import { ModelNotice } from "./model_notice.js";
import { Narrator } from "./narrator.js";
import { startNewChat } from "./new_chat.js";
import { Outbox } from "./outbox.js";
import { Place, foundPlace } from "./place.js";
import { startRename } from "./rename.js";
import { Follower } from "./scroll.js";
import { Silence } from "./silence.js";
import { readableText, startCleanCopies } from "./selection.js";
import { Sidebar } from "./sidebar.js";
import { withStarters } from "./starters.js";
import { Status } from "./status.js";
import { browserStorage, tabStorage } from "./storage.js";
import { initialState, reduce } from "./store.js";
import { startViewport } from "./viewport.js";

const CUT_AFTER_MS = 1_000;
const SENDS_WITHIN_MS = 86_400_000;

export function startChat(main) {
  const { threadId, userId, maxLength } = main.dataset;
  const settings = { limit: Number(maxLength), draft: draftOf(userId, threadId) };
  startViewport(document.getElementById("chat-panel"));
  const form = main.querySelector("#composer");
  if (threadId) return new ThreadPage(main, form, settings).start();
  const composer = withStarters(startNewChat(form, settings));
  startKeyboard({ focusField: () => composer.focus() });
  new ChatList(composer).start();
}

class ThreadPage {
  #main;
  #state;
  #list;
  #follower;
  #place;
  #composer;
  #connection;
  #status;
  #silence;
  #modelNotice;
  #sidebar;
  #history;
  #draft;
  #outbox;
  #announcer;
  #narrator;
  #isCut = false;
  #cutTimer;
  #later;

  constructor(main, form, settings) {
    const part = (id) => document.getElementById(id);
    const { threadId } = main.dataset;
    this.#main = main;
    this.#announcer = new Announcer(part("chat-announcer"));
    this.#draft = settings.draft;
    this.#outbox = new Outbox(browserStorage(), `${main.dataset.userId}:${threadId}`);
    this.#follower = new Follower(part("chat-scroll"), part("chat-messages"), part("jump-to-latest"));
    this.#place = new Place(tabStorage(), threadId);
    const templates = { versions: part("versions-template") };
    for (const role of ["user", "assistant"]) templates[role] = part(`message-template-${role}`);
    this.#list = new MessageList(part("chat-messages"), templates, (paint) => this.#follower.around(paint));
    this.#sidebar = new Sidebar({ announce: (text) => this.#announce(text) });
    this.#history = new HistoryLoader(part("older"), { add: (messages, beginAt) => this.#addOlder(messages, beginAt) });
    this.#composer = new Composer(form, {
      ...settings,
      onSend: (content, clientId, model) => this.#send(content, clientId, model),
      onStop: (id) => this.#stop(id),
      onUp: () => this.#later.takeLast(this.#state),
    });
    const announce = (text) => this.#announce(text);
    this.#status = new Status(part("connection-status"), part("live-notice"), {
      announce,
      onRetry: () => this.#connection.open(),
      leave: () => part("chat-scroll").focus({ preventScroll: true }),
    });
    this.#modelNotice = new ModelNotice(part("model-notice"), announce);
    this.#silence = new Silence({ hears: () => this.#connection.isUp && this.#status.isLive, show: (id) => this.#showSilence(id) });
    this.#connection = new Connection(`/ws/chat/${threadId}/`, this.#forConnection());
    this.#later = new Later(this.#forLater());
    startRename({
      title: () => this.#state.title,
      titleRev: () => this.#state.titleRev,
      renamed: (renamed, since) => this.#dispatch({ type: "local.title", title: renamed, since }),
      announce,
    });
    this.#narrator = new Narrator({
      say: announce,
      hears: () => this.#connection.isUp,
      textOf: (id) => readableText(this.#list.contentOf(id)),
    });
    startCopyButtons(main, announce);
    startCleanCopies(part("chat-messages"));
  }

  start() {
    const { threadId, cursor, rev } = this.#main.dataset;
    const messages = this.#list.read();
    const title = document.getElementById("thread-title").dataset.title;
    const elsewhere = this.#main.dataset.elsewhere ?? null;
    this.#state = initialState({ threadId, cursor, rev: Number(rev), title, messages, elsewhere, queue: readQueue() });
    this.#narrator.begin(this.#state);
    this.#connection.open();
    const place = this.#place.read() ?? foundPlace(this.#main.dataset);
    this.#list.adopt(this.#state.messages, place?.id);
    this.#follower.open(place);
    document.getElementById("chat-scroll").removeAttribute("data-opening");
    if (this.#draft.isAmong(messages)) this.#composer.empty();
    this.#returnOld();
    for (const message of this.#outbox.messages) this.#dispatch({ type: "local.send", ...message, queue: false }); // no list yet
    this.#render();
    this.#listen();
    if (place?.isFound) import("./search/jump.js").then(({ jump }) => jump(place), () => {});
  }

  #listen() {
    this.#connection.followPage();
    window.addEventListener("pagehide", () => this.#place.write(this.#follower.place));
    keepFromLeaving(() => this.#composer.wouldLose || this.#outbox.wouldLose || isEditing(this.#main));
    this.#main.addEventListener("click", (event) => this.#clicked(event, event.target.closest("[data-action]")));
    startKeyboard({ focusField: () => this.#composer.focus(), stop: () => this.#stopRunning() });
  }

  #forConnection() {
    return {
      position: () => this.#state,
      pending: () => this.#outbox.messages,
      isWaiting: () => this.#isBusy || Boolean(this.#state.elsewhere),
      onFrame: (frame) => this.#dispatch(frame),
      onStatus: (status) => this.#statusChanged(status),
      onDoubt: () => this.#dispatch({ type: "local.doubt" }),
      onEnd: (ending) => this.#end(ending),
    };
  }

  #dispatch(frame) {
    const { state, effects } = reduce(this.#state, frame);
    this.#state = state;
    this.#apply(effects);
    this.#later.hear(frame);
    this.#render();
    if (effects.forked && frame.type === "thread.snapshot") this.#follower.fork(() => this.#list.flush());
    if (effects.forked) this.#narrator.begin(state);
    else this.#narrator.follow(state);
  }

  #apply({ acked = [], nacked, resendIn, announce, warn, thread, removed, ended, older, live, models, theme, enterKey, threads, sync, hurry }) {
    acked.forEach((clientId) => this.#outbox.settle(clientId));
    if (nacked) this.#refused(nacked);
    if (resendIn) this.#connection.resendIn(resendIn);
    if (announce) this.#announce(announce);
    if (warn) this.#composer.say(warn);
    if (thread) this.#threadChanged(thread);
    if (removed) this.#sidebar.remove(removed);
    if (threads) this.#sidebar.renew(threads);
    if (ended) this.#end(ended);
    if (older) this.#history.beginAt(older);
    if (live !== undefined) this.#connectionChanged(() => this.#status.showLive(live));
    if (models !== undefined) this.#modelNotice.show(models);
    if (theme) followTheme(theme);
    if (enterKey) this.#composer.chooseEnterKey(enterKey);
    if (sync) this.#connection.sync(hurry);
  }

  #render() {
    const { elsewhere } = this.#state;
    const answer = runningAnswer(this.#state);
    const running = answer?.id ?? null;
    this.#list.show(shownOf(this.#state));
    this.#silence.watch(answer);
    this.#composer.show({ running, queues: Boolean(running || elsewhere), waits: hasPending(this.#state), isCut: this.#isCut });
    this.#sidebar.update({ thread_id: this.#state.threadId, running: Boolean(running || elsewhere) });
    const notice = document.getElementById("elsewhere");
    notice.hidden = !elsewhere;
    notice.querySelector("button").value = elsewhere ?? "";
    this.#later.showQueue(this.#state, Boolean(running || elsewhere));
  }

  #forLater() {
    return {
      address: `/chat/${this.#main.dataset.threadId}/`,
      list: document.getElementById("chat-messages"),
      articleOf: (id) => this.#list.articleOf(id),
      announce: (text) => this.#announce(text),
      say: (sentence) => this.#composer.say(sentence),
      putBack: (text, sentence) => this.#putBack(text, sentence),
      sends: (event) => this.#composer.sends(event),
      around: (change) => this.#follower.around(change),
      toQuestion: () => {
        this.#list.flush();
        this.#follower.toQuestion();
      },
      keepFocus: () => this.#keepFocus(),
      isBusy: () => this.#isBusy,
      isUp: () => this.#connection.isUp,
      send: (frame) => this.#connection.send(frame),
      newVersion: (text, id) => this.#sendVersion(text, id),
      newId,
      draftOf: (id) => draftOf(this.#main.dataset.userId, `edit-${id}`),
    };
  }

  // -- what the reader does -----------------------------------------------------------------------------------

  /** While an answer is being written, the message waits in the queue; one with `edits` is another version of a question. */
  #send(content, clientId, model, edits) {
    const place = edits ? { edits } : { queue: true, head_id: lastOf(this.#state)?.id };
    const message = { client_id: clientId, content, model, created_at: new Date().toISOString(), ...place };
    this.#outbox.add(message);
    this.#dispatch({ type: "local.send", ...message, queue: message.queue && this.#later.hasQueue });
    this.#list.flush();
    if (!this.#state.messages.at(-1).waits) this.#follower.toQuestion();
    if (this.#connection.isUp) this.#connection.post(message);
    else this.#connection.hurry();
    this.#connection.watch();
  }

  #putBack(text, sentence) {
    this.#composer.putBack(text, sentence);
    this.#composer.focus();
  }

  get #isBusy() {
    return Boolean(runningAnswer(this.#state)) || hasPending(this.#state);
  }

  #sendVersion(text, id) {
    const problem = this.#isBusy ? "Wait for the answer to finish, or stop it first." : this.#composer.problemOf(text);
    if (problem) return problem;
    this.#send(text, newId(), this.#composer.model, id);
    this.#keepFocus();
    return "";
  }

  #stop(id) {
    if (!this.#connection.isUp) return this.#composer.say("Not connected. You can stop the answer when the connection is back.");
    this.#composer.stopping();
    this.#connection.send({ type: "response.cancel", message_id: id });
  }

  #stopRunning() {
    const answer = runningAnswer(this.#state);
    if (!answer) return false;
    this.#stop(answer.id);
    return true;
  }

  #clicked(event, button) {
    if (!button) return;
    event.preventDefault();
    const { action } = button.dataset;
    if (action === "reload") window.location.reload();
    if (action === "stop-elsewhere") this.#stop(this.#state.elsewhere);
    const message = findMessage(this.#state, button.closest("article")?.dataset.messageId);
    if (action === "show") this.#later.act(message, button);
    if (!message) return;
    if (action === "cancel") this.#takeBack(message);
    else if (action === "copy") this.#copy(button, message);
    else if (action === "edit") this.#later.edit(message);
    else this.#later.act(message, button);
  }

  /** The pressed button is hidden soon. On a phone the field would bring up the keyboard. */
  #keepFocus() {
    if (window.matchMedia("(pointer: fine)").matches) this.#composer.focus();
    else document.getElementById("chat-scroll").focus({ preventScroll: true });
  }

  /** A message waiting for room on the server goes back into the field. */
  #takeBack({ client_id, pending }) {
    if (!pending) return;
    this.#dispatch({ type: "nack", client_id, code: "cancelled", message: "" });
    this.#composer.focus();
    this.#announce("Message not sent");
  }

  async #copy(button, { role, content }) {
    const element = button.closest("article").querySelector(".markdown-content");
    const done = await copyBy(button.querySelector("span"), element, content);
    const copied = role === "user" ? "Message copied" : "Answer copied";
    this.#announce(done ? copied : selected().sentence);
  }

  #addOlder(messages, beginAt) {
    this.#follower.around(() => {
      this.#dispatch({ type: "local.older", messages });
      this.#list.flush();
      beginAt();
    });
    this.#announce(messages.length === 1 ? "1 older message loaded" : `${messages.length} older messages loaded`);
  }

  // -- server events ------------------------------------------------------------------------------------------

  #refused({ client_id: clientId, code, message }) {
    const refused = this.#outbox.messages.find((other) => other.client_id === clientId);
    this.#outbox.settle(clientId);
    const edited = code !== "not_found" && findMessage(this.#state, refused?.edits);
    if (edited) this.#later.edit(edited, { text: refused.content, sentence: message });
    else this.#composer.putBack(refused?.content ?? "", message, code !== "too_late" && clientId);
  }

  #threadChanged(thread) {
    this.#sidebar.update(thread);
    if (thread.thread_id !== this.#state.threadId || thread.title === undefined) return;
    const title = thread.title || this.#sidebar.untitled;
    document.getElementById("thread-title").textContent = title;
    document.title = `${isolated(title)} · ${this.#main.dataset.siteName}`;
  }

  #connectionChanged(show) {
    show();
    this.#silence.restart();
  }

  /** No text can come while the connection is lost, so the cursor rests; a server that restarts goes unnoticed. */
  #statusChanged({ phase }) {
    this.#connectionChanged(() => this.#status.show({ phase }));
    window.clearTimeout(this.#cutTimer);
    if (phase === "connected") this.#modelNotice.doubt();
    if (phase === "connected") this.#cut(false);
    else if (phase !== "connecting") this.#cutTimer = window.setTimeout(() => this.#cut(true), CUT_AFTER_MS);
  }

  #cut(isCut) {
    this.#isCut = isCut;
    this.#main.toggleAttribute("data-cut", isCut);
    this.#render();
  }

  #showSilence(id) {
    this.#narrator.wait(this.#list.markWaiting(id));
  }

  #end({ action, text }) {
    if (action !== "reload") this.#returnUnsent(action === "login" ? "" : "Your message was not sent.");
    if (action === "login") return goToLogin(`/chat/${this.#state.threadId}/`);
    this.#connectionChanged(() => this.#status.end());
    this.#composer.close();
    const notice = document.getElementById("chat-notice");
    notice.hidden = false;
    notice.querySelector(".notice-text").textContent = text;
    notice.querySelector('[data-action="reload"]').hidden = action === "stay";
  }

  /** Pending messages go back into the field: the thread or the login is gone. */
  #returnUnsent(sentence) {
    for (const { client_id: clientId } of this.#outbox.messages) {
      this.#dispatch({ type: "nack", client_id: clientId, code: "not_found", message: sentence });
    }
  }

  /** A message that a closed tab left in the outbox more than a day ago is not sent by itself. */
  #returnOld() {
    for (const { client_id: clientId, content, created_at: at } of this.#outbox.messages) {
      if (Date.parse(at) > Date.now() - SENDS_WITHIN_MS) continue;
      this.#outbox.settle(clientId);
      this.#composer.putBack(content, "Your message was not sent. Send it again.", clientId);
    }
  }

  #announce(text) {
    this.#announcer.say(text);
  }
}
