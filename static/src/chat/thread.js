/** A thread on the page: wires the store, the socket and the parts of the page together, until it is closed. */
import { act } from "./clicks.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Consequences } from "./consequences.js";
import { draftOf } from "./draft.js";
import { HistoryLoader } from "./history.js";
import { newId } from "./ids.js";
import { Later, isEditing, readQueue } from "./later.js";
import { Liveness } from "./liveness.js";
import { hasPending, lastOf, runningAnswer, shownOf, storedOf } from "./message_updates.js";
import { MessageList } from "./messages.js";
import { Narrator } from "./narrator.js";
import { Outbox } from "./outbox.js";
import { Place, foundPlace } from "./place.js";
import { startRename } from "./rename.js";
import { Follower } from "./scroll.js";
import { readableText } from "./selection.js";
import { Seen } from "./seen.js";
import { Sending } from "./sending.js";
import { browserStorage, tabStorage } from "./storage.js";
import { FLAGS, initialState, reduce } from "./store.js";

const part = (id) => document.getElementById(id);

export class ThreadPage {
  #main;
  #shared;
  #state;
  #list;
  #follower;
  #place;
  #composer;
  #connection;
  #liveness;
  #history;
  #draft;
  #sending;
  #narrator;
  #later;
  #parts;
  #seen;
  #consequences;
  #closing = new AbortController();
  #onOpened; // of a thread that the socket brings
  #isShown = false;
  #isConnecting = true; // for the first time
  #isOld = false; // the page is of another release than the server

  /** `shared`: `announce(text)`, and the parts `sidebar` and `modelNotice`, which outlive the thread on the page. */
  constructor(main, shared) {
    const { threadId, userId, maxLength } = main.dataset;
    const { signal } = this.#closing;
    const { announce } = shared;
    this.#main = main;
    this.#shared = shared;
    this.#draft = draftOf(userId, threadId);
    this.#follower = new Follower(part("chat-scroll"), part("chat-messages"), part("jump-to-latest"), signal);
    this.#place = new Place(tabStorage(), threadId);
    const templates = { versions: part("versions-template") };
    for (const role of ["user", "assistant"]) templates[role] = part(`message-template-${role}`);
    this.#list = new MessageList(part("chat-messages"), templates, (paint) => this.#paint(paint), signal);
    this.#history = new HistoryLoader(part("older"), { signal, add: (messages, beginAt) => this.#addOlder(messages, beginAt) });
    this.#composer = new Composer(part("composer"), {
      signal,
      limit: Number(maxLength),
      draft: this.#draft,
      onSend: (content, clientId, model) => this.#sending.send(content, clientId, model),
      onStop: (id) => this.#stop(id),
      onUp: () => this.#later.takeLast(this.#state),
    });
    this.#liveness = new Liveness(main, this.#forLiveness());
    this.#connection = new Connection(`/ws/chat/${threadId}/`, this.#forConnection());
    this.#later = new Later(this.#whileOpen(this.#forLater()));
    this.#parts = this.#forParts();
    this.#parts.sending = this.#sending = new Sending(new Outbox(browserStorage(), `${userId}:${threadId}`), this.#parts);
    this.#consequences = new Consequences(main, this.#parts);
    this.#seen = new Seen(this.#forSeen());
    startRename(this.#whileOpen(this.#forRename()));
    this.#narrator = new Narrator({
      say: announce,
      hears: () => this.#connection.isUp,
      textOf: (id) => readableText(this.#list.contentOf(id)),
    });
  }

  start() {
    const { threadId, cursor, rev } = this.#main.dataset;
    const messages = this.#list.read();
    const { title } = part("thread-title").dataset;
    const elsewhere = this.#main.dataset.elsewhere ?? null;
    const detached = "detached" in this.#main.dataset;
    const flags = Object.fromEntries(FLAGS.map((name) => [name, name in this.#main.dataset]));
    this.#state = initialState({ threadId, cursor, rev: Number(rev), title, messages, elsewhere, queue: readQueue(), detached, flags });
    this.#narrator.begin(this.#state);
    this.#connection.open();
    const place = this.#place.read() ?? foundPlace(this.#main.dataset);
    this.#adopt(place);
    this.#connection.followPage(this.signal);
    if (place?.isFound) import("./search/jump.js").then(({ jump }) => jump(place), () => {});
  }

  /**
   * On the page of another thread: `state` is how the reader left it, to `show` at once; otherwise `onOpened` is called when the socket
   * has brought its messages.
   */
  arrive({ title, state, waitMs, onOpened }) {
    const { threadId } = this.#main.dataset;
    this.#state = state ?? { ...initialState({ threadId, title }), wantSnapshot: true };
    this.#onOpened = onOpened;
    if (title) this.#consequences.showTitle(title);
    this.#liveness.show({ phase: "connecting" });
    window.setTimeout(() => this.signal.aborted || this.#connection.open(), waitMs);
    this.#connection.followPage(this.signal);
  }

  /** `place`: where the reader was, null for the end; `older`: where older messages begin, unless the socket has said so. */
  show(place, older) {
    if (older) this.#history.beginAt(older);
    this.#list.lay(this.#state.messages);
    this.#narrator.begin(this.#state);
    this.#adopt(place);
  }

  /** The messages are on the page as their source. */
  #adopt(place) {
    this.#list.adopt(this.#state.messages, place?.id);
    this.#follower.open(place);
    part("chat-scroll").removeAttribute("data-opening");
    if (this.#draft.isAmong(this.#state.messages)) this.#composer.empty();
    this.#isShown = true;
    this.#sending.takeOver();
    this.#render();
  }

  get signal() {
    return this.#closing.signal;
  }

  /** Where the reader last left this thread in this tab; null for the end. */
  get keptPlace() {
    return this.#place.kept;
  }

  /** What is needed to show the thread again as it is left; null if it was not shown. */
  get left() {
    if (!this.#isShown) return null;
    const state = { ...this.#state, messages: storedOf(this.#state), wantSnapshot: true, parts: null };
    return { state, place: this.#follower.place, older: this.#history.beginning };
  }

  /** Whether another thread can be shown on this page. */
  get canMove() {
    const mayConnect = this.#connection.isUp || this.#isConnecting || !this.#isShown;
    return mayConnect && !this.#isOld && !this.wouldLose;
  }

  /** The thread is left, and the page stays: nothing of it hears or does anything any more. */
  close() {
    this.#closing.abort();
    this.#narrator.close();
  }

  keepPlace() {
    if (this.#isShown) this.#place.write(this.#follower.place);
  }

  /** Whether leaving the page would lose text. */
  get wouldLose() {
    return this.#composer.wouldLose || this.#sending.wouldLose || isEditing(this.#main);
  }

  #forConnection() {
    return {
      position: () => this.#state,
      pending: () => this.#sending.messages,
      isWaiting: () => this.#sending.isBusy || Boolean(this.#state.elsewhere),
      onFrame: (frame) => this.#dispatch(frame),
      onStatus: (status) => this.#statusChanged(status),
      onDoubt: () => this.#dispatch({ type: "local.doubt" }),
      onEnd: (ending) => this.#consequences.end(ending),
    };
  }

  #dispatch(frame) {
    if (this.signal.aborted) return;
    const { state, effects } = reduce(this.#state, frame);
    this.#state = state;
    this.#consequences.apply(effects);
    this.#later.hear(frame);
    if (!this.#isShown) return effects.opened && this.#onOpened(effects.opened);
    this.#render();
    if (effects.forked && frame.type === "thread.snapshot") this.#follower.fork(() => this.#list.flush());
    if (effects.forked) this.#narrator.begin(state);
    else this.#narrator.follow(state);
  }

  #render() {
    if (!this.#isShown) return;
    const { threadId, elsewhere } = this.#state;
    const answer = runningAnswer(this.#state);
    const running = answer?.id ?? null;
    this.#list.show(shownOf(this.#state));
    this.#liveness.watch(answer);
    this.#composer.show({ running, queues: Boolean(running || elsewhere), waits: hasPending(this.#state), isCut: this.#liveness.isCut });
    this.#shared.sidebar.update({ thread_id: threadId, running: Boolean(running || elsewhere) });
    const notice = part("elsewhere");
    notice.hidden = !elsewhere;
    notice.querySelector("button").value = elsewhere ?? "";
    this.#later.showQueue(this.#state, Boolean(running || elsewhere));
    for (const name of FLAGS) this.#main.toggleAttribute(`data-${name}`, Boolean(this.#state.flags[name]));
  }

  #paint(paint) {
    this.#follower.around(paint);
    this.#seen.check();
  }

  // -- what the parts of the page need ------------------------------------------------------------------------

  /** The same functions, which do nothing once the thread is closed: a response can come later. */
  #whileOpen(functions) {
    const { signal } = this.#closing;
    const guarded = (call) => (...args) => (signal.aborted ? undefined : call(...args));
    const entries = Object.entries(functions).map(([name, value]) => [name, typeof value === "function" ? guarded(value) : value]);
    return { ...Object.fromEntries(entries), signal };
  }

  #forLiveness() {
    return {
      signal: this.signal,
      announce: this.#shared.announce,
      onRetry: () => this.#connection.open(),
      leave: () => part("chat-scroll").focus({ preventScroll: true }),
      isUp: () => this.#connection.isUp,
      cut: () => this.#render(),
      showSilence: (id) => this.#narrator.wait(this.#list.markWaiting(id)),
    };
  }

  #forParts() {
    return {
      state: () => this.#state,
      dispatch: (frame) => this.#dispatch(frame),
      isShown: () => this.#isShown,
      leaveDetached: () => this.#leaveDetached(),
      toQuestion: () => this.#toQuestion(),
      stop: (id) => this.#stop(id),
      takeBack: (message) => this.#takeBack(message),
      announce: this.#shared.announce,
      composer: this.#composer,
      connection: this.#connection,
      liveness: this.#liveness,
      history: this.#history,
      later: this.#later,
      shared: this.#shared,
    };
  }

  #forSeen() {
    return {
      signal: this.signal,
      scroller: part("chat-scroll"),
      unread: () => {
        const last = this.#isShown && this.#state.flags.unread && lastOf(this.#state);
        return last?.role === "assistant" && !runningAnswer(this.#state) ? last.id : "";
      },
      see: (id) => this.#connection.see(id),
    };
  }

  #forRename() {
    return {
      title: () => this.#state.title,
      titleRev: () => this.#state.titleRev,
      renamed: (renamed, since) => this.#dispatch({ type: "local.title", title: renamed, since }),
      announce: this.#shared.announce,
    };
  }

  #forLater() {
    return {
      address: `/chat/${this.#main.dataset.threadId}/`,
      list: part("chat-messages"),
      articleOf: (id) => this.#list.articleOf(id),
      announce: this.#shared.announce,
      say: (sentence) => this.#composer.say(sentence),
      putBack: (text, sentence) => this.#putBack(text, sentence),
      sends: (event) => this.#composer.sends(event),
      around: (change) => this.#follower.around(change),
      leaveDetached: () => this.#leaveDetached(),
      toQuestion: () => this.#leaveDetached() || this.#toQuestion(),
      keepFocus: () => this.#keepFocus(),
      isBusy: () => this.#sending.isBusy,
      isUp: () => this.#connection.isUp,
      send: (frame) => this.#connection.send(frame),
      newVersion: (text, id) => this.#sendVersion(text, id),
      newId,
      draftOf: (id) => draftOf(this.#main.dataset.userId, `edit-${id}`),
    };
  }

  // -- what the reader does -----------------------------------------------------------------------------------

  focusField() {
    this.#composer.focus();
  }

  /** False if no answer is running. */
  stopRunning() {
    const answer = runningAnswer(this.#state);
    if (!answer) return false;
    this.#stop(answer.id);
    return true;
  }

  clicked(event) {
    act(this.#parts, event);
  }

  #toQuestion() {
    this.#list.flush();
    this.#follower.toQuestion();
  }

  /** To the latest messages, if the page shows an older part or another version; false if it does not. */
  #leaveDetached() {
    const { detached, threadId } = this.#state;
    if (detached) window.location.assign(`/chat/${threadId}/`);
    return detached;
  }

  #putBack(text, sentence) {
    this.#composer.putBack(text, sentence);
    this.#composer.focus();
  }

  #sendVersion(text, id) {
    const problem = this.#sending.sendVersion(text, id);
    if (!problem) this.#keepFocus();
    return problem;
  }

  #stop(id) {
    if (!this.#connection.isUp) return this.#composer.say("Not connected. You can stop the answer when the connection is back.");
    this.#composer.stopping();
    this.#connection.send({ type: "response.cancel", message_id: id });
  }

  /** The pressed button is hidden soon. On a phone the field would bring up the keyboard. */
  #keepFocus() {
    if (window.matchMedia("(pointer: fine)").matches) this.#composer.focus();
    else part("chat-scroll").focus({ preventScroll: true });
  }

  #takeBack({ client_id: clientId, pending }) {
    if (!pending) return;
    this.#sending.takeBack(clientId);
    this.#shared.announce("Message not sent");
  }

  #addOlder(messages, beginAt) {
    this.#follower.around(() => {
      this.#dispatch({ type: "local.older", messages });
      this.#list.flush();
      beginAt();
    });
    this.#shared.announce(messages.length === 1 ? "1 older message loaded" : `${messages.length} older messages loaded`);
  }

  // -- server events ------------------------------------------------------------------------------------------

  #statusChanged(status) {
    this.#liveness.show(status);
    this.#isConnecting = status.phase === "connecting";
    if (status.phase === "reconnecting" && !this.#isShown && navigator.onLine) window.location.reload(); // which shows the chat, or why not
    if (status.phase !== "connected") return;
    this.#shared.modelNotice.doubt();
    this.#isOld = status.release !== this.#main.dataset.release;
    if (this.#isOld && !this.#isShown) window.location.reload();
  }
}
