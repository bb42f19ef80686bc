/** Tells screen readers how the newest answer is doing: each state once, and a sign of life while it is written. */
import { thoughtFor } from "./durations.js";
import { isFinished } from "./message_updates.js";
import { countWords } from "./words.js";

const SIGN_OF_LIFE_MS = 10_000;
// An answer that is read out in about 20 seconds, which is not longer than it takes to go to it.
const READ_OUT_CHARACTERS = 300;
// The source of such an answer is longer: addresses of links, for example.
const PARSED_CHARACTERS = 1_000;

const browser = {
  isHidden: () => document.hidden,
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (id) => window.clearTimeout(id),
};

export class Narrator {
  #page;
  #env;
  #answer;
  #thoughtMs; // the last end of its reasoning that was announced, or that is older than this tab
  #waiting = "";
  #timer;

  /** `page.say(text)`; `page.hears()`: whether events can arrive now; `page.textOf(id)`: an answer as it is shown. */
  constructor(page, env = browser) {
    this.#page = page;
    this.#env = env;
  }

  /** Called with the first state: what is finished there is old. */
  begin(state) {
    this.#answer = newestAnswer(state);
    if (isRunning(this.#answer)) this.#say(this.#began(this.#answer));
  }

  /** Called after each change. */
  follow(state) {
    const before = this.#answer;
    this.#answer = newestAnswer(state);
    if (this.#answer === before) return;
    const words = this.#wordsSince(before, state.wantSnapshot);
    if (!isRunning(this.#answer)) this.#rest();
    if (words) this.#say(words);
  }

  /** Nothing more is said. */
  close() {
    this.#rest();
  }

  /** The model is silent; "" once it is not. */
  wait(words) {
    this.#waiting = words;
    if (words) this.#say(words);
  }

  /** An answer whose text is in doubt is not read out. */
  #wordsSince(before, isInDoubt) {
    const answer = this.#answer;
    if (!answer) return "";
    const known = answer.id === before?.id ? before : null;
    if (!isFinished(answer)) return known ? this.#went(known, answer) : this.#began(answer);
    if (known && isFinished(known)) return "";
    return isInDoubt ? endingOf(answer) : ended(answer, this.#page.textOf);
  }

  #began({ tools, thinking, reasoning_ms: ms }) {
    this.#thoughtMs = thinking ? -1 : (ms ?? -1);
    const tool = tools.findLast(isUsed);
    if (tool) return wordsOf(tool);
    return thinking ? "Thinking" : "Answering";
  }

  /** What began or ended between two states of an answer. A replay repeats an earlier time, which says nothing new. */
  #went(before, { tools, thinking, reasoning_ms: ms }) {
    const tool = tools.findLast((one) => isUsed(one) && !before.tools.some(({ call_id: id }) => id === one.call_id));
    if (tool) return wordsOf(tool);
    if (thinking === before.thinking || ms <= this.#thoughtMs) return "";
    if (thinking) return "Thinking";
    this.#thoughtMs = ms;
    return thoughtFor(ms);
  }

  #say(words) {
    this.#page.say(words);
    this.#rest();
    if (isRunning(this.#answer)) this.#timer = this.#env.setTimeout(() => this.#live(), SIGN_OF_LIFE_MS);
  }

  #rest() {
    this.#env.clearTimeout(this.#timer);
  }

  #live() {
    if (this.#page.hears() && !this.#env.isHidden()) return this.#say(this.#waiting || still(this.#answer));
    this.#timer = this.#env.setTimeout(() => this.#live(), SIGN_OF_LIFE_MS);
  }
}

function newestAnswer({ messages }) {
  return messages.findLast(({ role }) => role === "assistant");
}

function isRunning(answer) {
  return Boolean(answer) && !isFinished(answer);
}

function still({ tools, thinking }) {
  const tool = tools.findLast(isUsed);
  if (tool) return wordsOf(tool);
  return thinking ? "Still thinking" : "Still answering";
}

function isUsed({ status }) {
  return status === "running";
}

/** "Checking the time, Asia/Tokyo"; a tool of an older server has no title. */
function wordsOf({ name, title, detail }) {
  return [title || `Using ${name.replaceAll("_", " ")}`, detail].filter(Boolean).join(", ");
}

const ENDINGS = { stopped: "Answer stopped", interrupted: "Answer interrupted", error: "The answer failed" };

/** The note of an answer that was cut off says that it is over. */
function endingOf({ status, error }) {
  if (status === "final" && error) return error;
  return [ENDINGS[status] ?? "Answer finished", error].filter(Boolean).join(". ");
}

/** With the answer itself if it is short, or else its length, which helps to decide whether to go to it. */
function ended(answer, textOf) {
  const { id, status, error, content } = answer;
  const ending = endingOf(answer);
  if (status !== "final" || !content) return ending;
  if (error) return `${ending} ${count(content)}`;
  const text = content.length <= PARSED_CHARACTERS ? textOf(id) : content;
  return text.length > READ_OUT_CHARACTERS ? `${ending}, ${count(content)}` : `${ending}. ${text}`;
}

function count(text) {
  const words = countWords(text);
  return `${words.toLocaleString("en")} ${words === 1 ? "word" : "words"}`;
}
