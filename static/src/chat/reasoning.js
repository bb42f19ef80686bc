/** How long the model was thinking, and what it wrote meanwhile: collapsed above its answer. */
import { showMarkdown, showPlain } from "./blocks.js";
import { durationOf, thoughtFor } from "./durations.js";

const THINKING = "Thinking…";
// Growing reasoning scrolls along if the reader is at its end. Scroll positions are fractions of a pixel, heights are rounded.
const AT_END_PX = 1;

/** The reasoning that the server rendered, in the store's form. */
export function readReasoning(article) {
  const root = rootOf(article);
  if (!root) return {};
  const { ms } = root.dataset;
  return {
    reasoning: root.querySelector(".reasoning-text").textContent,
    reasoning_ms: ms ? Number(ms) : null,
    thinking: root.hasAttribute("data-thinking"),
  };
}

export function hasThought(message, before) {
  return message.reasoning_ms !== before?.reasoning_ms || message.thinking !== before?.thinking || message.reasoning !== before?.reasoning;
}

/** Paints the reasoning of all answers. The seconds are counted here: the server reports the time only now and then. */
export class ReasoningView {
  #beginnings = new Map(); // of answers whose model is thinking: root element → start by this page's clock
  #timer;

  paint(article, message) {
    const root = rootOf(article);
    if (!root) return;
    root.hidden = message.reasoning_ms === null && !message.reasoning;
    root.toggleAttribute("data-thinking", message.thinking);
    root.querySelector("details").hidden = !message.reasoning;
    root.querySelector("p").hidden = Boolean(message.reasoning);
    this.#paintTime(root, message);
    paintText(root, message);
  }

  /** Collapsed reasoning is not rendered: most of it is never opened. */
  opened(article, message) {
    paintText(rootOf(article), message);
  }

  #paintTime(root, { thinking, reasoning_ms: ms }) {
    if (!thinking) {
      this.#beginnings.delete(root);
      return write(root, thoughtFor(ms ?? 0));
    }
    // The greatest of all times so far: an event that was late must not turn the clock back.
    const began = Math.min(performance.now() - (ms ?? 0), this.#beginnings.get(root) ?? Infinity);
    this.#beginnings.set(root, began);
    this.#paintSeconds(root, began);
    this.#timer ??= window.setInterval(() => this.#tick(), 1_000);
  }

  #tick() {
    for (const [root, began] of this.#beginnings) {
      if (root.isConnected) this.#paintSeconds(root, began);
      else this.#beginnings.delete(root);
    }
    if (this.#beginnings.size) return;
    window.clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #paintSeconds(root, began) {
    write(root, THINKING, durationOf(performance.now() - began));
  }
}

function rootOf(article) {
  return article.querySelector(".message-reasoning");
}

/** The time has its own element, hidden from screen readers: a label that changes each second would be read out each second. */
function write(root, words, time = "") {
  root.querySelectorAll(".reasoning-words").forEach((place) => put(place, words));
  root.querySelectorAll(".reasoning-time").forEach((place) => put(place, time));
}

function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function paintText(root, { reasoning, thinking }) {
  const target = root.querySelector(".reasoning-text");
  if (!root.querySelector("details").open) {
    if (!thinking) showPlain(target, reasoning);
    return;
  }
  const isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight <= AT_END_PX;
  showMarkdown(target, reasoning, { isGrowing: thinking });
  if (thinking && isAtEnd) target.scrollTop = target.scrollHeight;
}
