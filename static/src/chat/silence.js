/** Notices that a running answer's model is silent. A model that thinks or reads for a long time is not broken, and the page says so. */

const SILENT_MS = 8_000;

const browser = {
  now: () => performance.now(),
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (id) => window.clearTimeout(id),
};

export class Silence {
  #page;
  #env;
  #answer;
  #since = 0; // the answer's last event
  #timer = null;
  #shown = null;

  /** `page.hears()`: whether events can arrive now; `page.show(id)`: the answer whose model is silent, or null. */
  constructor(page, env = browser) {
    this.#page = page;
    this.#env = env;
  }

  /** Called after each change, with the running answer. A snapshot repeats the answer without being an event. */
  watch(answer) {
    if (answer === this.#answer) return;
    const isEvent = !isAsFar(answer, this.#answer);
    this.#answer = answer;
    if (isEvent) this.restart();
  }

  /** Also after a change of the connection, whose own message comes first. */
  restart() {
    this.#since = this.#env.now();
    this.#show(null);
    if (this.#answer && this.#timer === null) this.#in(SILENT_MS);
  }

  close() {
    this.#env.clearTimeout(this.#timer);
  }

  /** Not a new timer for each event: one in eight seconds is enough. */
  #in(ms) {
    this.#timer = this.#env.setTimeout(() => this.#check(), ms);
  }

  #check() {
    this.#timer = null;
    if (!this.#answer) return;
    const rest = this.#since + SILENT_MS - this.#env.now();
    if (rest > 0) this.#in(rest);
    else if (this.#page.hears() && !hasRunningTool(this.#answer)) this.#show(this.#answer.id);
  }

  #show(id) {
    if (id === this.#shown) return;
    this.#shown = id;
    this.#page.show(id);
  }
}

function isAsFar(answer, before) {
  if (!answer || !before) return !answer === !before;
  const names = ["id", "content", "reasoning", "reasoning_ms", "thinking"];
  return names.every((name) => answer[name] === before[name]) && JSON.stringify(answer.tools) === JSON.stringify(before.tools);
}

function hasRunningTool({ tools }) {
  return tools.some(({ status }) => status === "running");
}
