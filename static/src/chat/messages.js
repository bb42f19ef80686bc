/** The list of messages on the page: one article per message, keyed by id, painted at most once a frame. */
import { showAgain, showMarkdown } from "./blocks.js";
import { typeset, whenFormulasLoad } from "./formulas.js";
import { idle } from "./idle.js";
import { openWhereScrolled, showSize } from "./long_text.js";
import { ReasoningView, hasThought, readReasoning } from "./reasoning.js";
import { whenEmojiLoad } from "./shortcodes.js";
import { readTools, showTools } from "./tools.js";

const SHOWN_ROLES = new Set(["user", "assistant"]);

// The longer an answer, the longer it takes to parse: painting may take a fifth of the time, no more.
const REST_FACTOR = 4;
// About two screens: rendered at once when a page opens at its end; the rest follows upward while the browser is idle.
const AT_ONCE_CHARACTERS = 10_000;

export class MessageList {
  #root;
  #templates;
  #around;
  #signal;
  #reasoning = new ReasoningView();
  #views = new Map();
  #wanted = [];
  #scheduled = false;
  #restUntil = 0;

  /** `around` calls the painting that it is given, and keeps what the reader sees in place. After `signal` nothing is painted. */
  constructor(root, templates, around, signal) {
    this.#root = root;
    this.#templates = templates;
    this.#around = around;
    this.#signal = signal;
    whenFormulasLoad(() => around(() => typeset(root)), signal);
    whenEmojiLoad(() => around(() => showAgain(root)), signal);
    openWhereScrolled(root, signal);
    // `toggle` does not bubble.
    root.addEventListener("toggle", ({ target }) => this.#toggled(target), { capture: true, signal });
  }

  /** The messages that the server rendered, in the store's form. */
  read() {
    return [...this.#root.querySelectorAll("article[data-message-id]")].map((article) => ({
      id: article.dataset.messageId,
      client_id: article.dataset.clientId || null,
      role: article.dataset.role,
      status: article.dataset.status,
      content: contentOf(article).textContent,
      error: article.dataset.error || null,
      tools: readTools(article),
      retryable: !article.hasAttribute("data-final-failure"),
      can_continue: article.hasAttribute("data-can-continue"),
      continues: article.hasAttribute("data-continues"),
      versions: article.dataset.versions?.split(" ") ?? [],
      ...readReasoning(article),
    }));
  }

  /** Puts messages on the page as the server renders them, for `adopt`. */
  lay(messages) {
    delete this.#root.dataset.room;
    const shown = messages.filter(({ role }) => SHOWN_ROLES.has(role));
    this.#root.replaceChildren(...shown.map((message) => this.#laid(message)));
  }

  #laid(message) {
    const article = this.#blank(message.role);
    paintFrame(article, message, null, this.#templates.assistant.dataset);
    this.#paintMore(article, message, null);
    if (message.role === "user") paintContent(article, message);
    else contentOf(article).textContent = message.content;
    return article;
  }

  /**
   * Takes over the articles that are on the page as the server renders them, and renders their Markdown: first the last ones, or
   * those from the message `from` on, to which the reader returns.
   */
  adopt(messages, from = null) {
    for (const message of messages) {
      const article = this.#root.querySelector(`article[data-message-id="${CSS.escape(message.id)}"]`);
      if (!article) continue;
      this.#views.set(message.id, { article, message });
      if (message.thinking) this.#reasoning.paint(article, message);
      showTools(article, message.tools);
    }
    const ids = [...this.#views.keys()];
    if (this.#views.has(from)) this.#adoptFrom(ids, ids.indexOf(from));
    else for (let seen = 0; ids.length && seen < AT_ONCE_CHARACTERS; ) seen += this.#paintAdopted(ids.pop());
    this.#adoptRest(ids);
  }

  /** The first one whole: the reader's place in it is measured from its top. */
  #adoptFrom(ids, index) {
    const { article, message } = this.#views.get(ids[index]);
    paintContent(article, message);
    for (let seen = 0; index < ids.length && seen < AT_ONCE_CHARACTERS; ) seen += this.#paintAdopted(ids.splice(index, 1)[0]);
  }

  async #adoptRest(ids) {
    while (ids.length) {
      await idle();
      if (this.#signal.aborted) return;
      this.#around(() => this.#paintAdopted(ids.pop()));
    }
  }

  /** Returns the number of characters painted. */
  #paintAdopted(id) {
    const view = this.#views.get(id);
    if (!view) return 0;
    paintContent(view.article, view.message, this.#around);
    whenLaidOut(view.article);
    return view.message.content.length;
  }

  show(messages) {
    this.#wanted = messages.filter(({ role }) => SHOWN_ROLES.has(role));
    if (this.#scheduled) return;
    this.#scheduled = true;
    const rest = this.#restUntil - performance.now();
    if (rest > 0) window.setTimeout(() => this.#atNextFrame(), rest);
    else this.#atNextFrame();
  }

  /** Paints at once, for a change around which the scroll position is measured. */
  flush() {
    this.#paint();
  }

  /** A message's article, painted up to now. */
  articleOf(id) {
    this.#around(() => this.#paint());
    return this.#views.get(id).article;
  }

  /** The element with a message's text. */
  contentOf(id) {
    return contentOf(this.articleOf(id));
  }

  /** Shows on one answer, or on none, that its model is silent; returns the text shown. */
  markWaiting(id) {
    for (const [key, { article }] of this.#views) article.toggleAttribute("data-waiting", key === id);
    return this.#views.get(id)?.article.querySelector(".message-waiting").textContent ?? "";
  }

  #atNextFrame() {
    requestAnimationFrame(() => {
      if (this.#signal.aborted) return;
      this.#scheduled = false;
      const began = performance.now();
      this.#around(() => this.#paint());
      const ended = performance.now();
      this.#restUntil = ended + (ended - began) * REST_FACTOR;
    });
  }

  #paint() {
    this.#removeGone();
    place(this.#root, this.#wanted.map((message) => this.#articleOf(message)));
  }

  #removeGone() {
    const wanted = new Set(this.#wanted.map(({ id }) => id));
    for (const [key, { article }] of this.#views) {
      if (wanted.has(key)) continue;
      article.remove();
      this.#views.delete(key);
    }
  }

  /** The article of a message, repainted where the message changed. */
  #articleOf(message) {
    const key = this.#adoptedKey(message);
    const view = this.#views.get(key) ?? { article: this.#blank(message.role), message: null };
    if (!view.message) whenLaidOut(view.article);
    if (view.message !== message) this.#repaint(view, message);
    this.#views.set(key, { article: view.article, message });
    return view.article;
  }

  #repaint({ article, message: before }, message) {
    if (message.status !== before?.status || message.content !== before?.content) paintContent(article, message);
    paintFrame(article, message, before, this.#templates.assistant.dataset);
    this.#paintMore(article, message, before);
  }

  #paintMore(article, message, before) {
    if (hasThought(message, before)) this.#reasoning.paint(article, message);
    if (`${message.versions}` !== `${before?.versions ?? ""}`) showVersions(article, message, this.#templates.versions);
  }

  #toggled(target) {
    if (!target.open || !target.closest(".message-reasoning")) return;
    const article = target.closest("article");
    const view = this.#views.get(article.dataset.messageId);
    if (view) this.#reasoning.opened(article, view.message);
  }

  /** A pending message gets its id from the server; its article stays where the reader sees it. */
  #adoptedKey(message) {
    const local = `local:${message.client_id}`;
    if (message.id !== local && this.#views.has(local)) {
      this.#views.set(message.id, this.#views.get(local));
      this.#views.delete(local);
    }
    return message.id;
  }

  #blank(role) {
    return this.#templates[role].content.firstElementChild.cloneNode(true);
  }
}

/** Most chats have no versions. */
async function showVersions(article, message, template) {
  const versions = await import("./versions.js").catch(() => null);
  versions?.showVersions(article, message, template);
}

/** Puts the nodes in this order; nodes that are already in place are not touched. */
function place(parent, nodes) {
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}

/** The styles skip the layout of articles that are far above; the browser has to know their heights, or the page jumps. */
function whenLaidOut(article) {
  requestAnimationFrame(() => requestAnimationFrame(() => (article.dataset.laidOut = "")));
}

function contentOf(article) {
  return article.querySelector(".markdown-content");
}

/** What is around the text. `notes` has a sentence for each status that needs one; the template brings them. */
function paintFrame(article, message, before, notes) {
  article.dataset.messageId = message.id;
  article.id = `m-${message.id}`;
  paintActions(article, message);
  article.dataset.status = message.pending ? "pending" : message.status;
  article.toggleAttribute("data-final-failure", message.retryable === false);
  article.toggleAttribute("data-can-continue", message.can_continue);
  article.toggleAttribute("data-continues", message.continues);
  if (message.client_id) article.dataset.clientId = message.client_id;
  if (message.held !== before?.held) paintHeld(article, message.held);
  if (message.tools !== before?.tools) showTools(article, message.tools);
  if (message.status !== before?.status || message.error !== before?.error) paintNote(article, message, notes);
}

/** Where they lead without the script. */
function paintActions(article, { id }) {
  const again = article.querySelector("input[name=message_id]");
  if (again) again.value = id;
  for (const link of article.querySelectorAll("a.message-action")) link.href = link.href.replace(/(edit=|messages\/)[^#/]*/, `$1${id}`);
}

/** A user's text stays exactly as typed; an answer is Markdown. */
function paintContent(article, message, keeping) {
  const target = contentOf(article);
  target.dataset.shown = ""; // until then its source is hidden
  if (message.role !== "assistant") {
    if (target.textContent !== message.content) target.textContent = message.content;
    showSize(article, message.content);
    return;
  }
  showMarkdown(target, message.content, { isGrowing: message.status === "streaming", keeping });
}

/** Why a message is not sent yet, or "". */
function paintHeld(article, sentence = "") {
  const place = article.querySelector(".message-held");
  if (!place) return;
  place.hidden = !sentence;
  place.firstElementChild.textContent = sentence;
}

function paintNote(article, message, notes) {
  const note = article.querySelector(".message-note");
  if (!note) return;
  note.textContent = message.error || notes[message.status] || "";
  note.hidden = !note.textContent;
}
