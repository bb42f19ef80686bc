/** What events from the server do to the page, besides the messages. */
import { followTheme } from "../theme.js";
import { isolated } from "./isolates.js";
import { goToLogin } from "./leaving.js";

const part = (id) => document.getElementById(id);

export class Consequences {
  #main;
  #page;

  /** `page`: `isShown()`, `leaveDetached()`, and the parts of the page: `sending`, `connection`, `composer`, `liveness`, `history`, `shared`. */
  constructor(main, page) {
    this.#main = main;
    this.#page = page;
  }

  /** Does what the store says that the page must do. */
  apply({ acked = [], nacked, resendIn, announce, warn, thread, removed, ended, older, live, models, theme, enterKey, threads, sync, hurry, leave }) {
    const { sending, connection, composer, liveness, history, shared } = this.#page;
    acked.forEach((clientId) => sending.settle(clientId));
    if (nacked) sending.refused(nacked);
    if (resendIn) connection.resendIn(resendIn);
    if (announce) shared.announce(announce);
    if (warn) composer.say(warn);
    if (thread) this.#threadChanged(thread);
    if (removed) shared.sidebar.remove(removed);
    if (threads) shared.sidebar.renew(threads);
    if (ended) this.end(ended);
    if (older) history.beginAt(older);
    if (live !== undefined) liveness.showLive(live);
    if (models !== undefined) shared.modelNotice.show(models);
    if (theme) followTheme(theme);
    if (enterKey) composer.chooseEnterKey(enterKey);
    if (sync) connection.sync(hurry);
    if (leave) this.#page.leaveDetached();
  }

  showTitle(title) {
    part("thread-title").textContent = title;
    document.title = `${isolated(title)} · ${this.#main.dataset.siteName}`;
  }

  /** The connection has ended permanently. */
  end({ action, text }) {
    const { sending, composer, liveness } = this.#page;
    if (action !== "reload") sending.returnAll(action === "login" ? "" : "Your message was not sent.");
    if (action === "login") return goToLogin(`/chat/${this.#main.dataset.threadId}/`);
    if (!this.#page.isShown()) return window.location.reload(); // the server's page says what happened
    liveness.end();
    composer.close();
    const notice = part("chat-notice");
    notice.hidden = false;
    notice.querySelector(".notice-text").textContent = text;
  }

  #threadChanged(thread) {
    const { sidebar } = this.#page.shared;
    sidebar.update(thread);
    if (thread.thread_id === this.#main.dataset.threadId && thread.title !== undefined) this.showTitle(thread.title || sidebar.untitled);
  }
}
