/** A worker that answers one question at a time, and is ended when that takes too long. */

const START_MS = 20_000;

const browser = {
  setTimeout: (...args) => window.setTimeout(...args),
  clearTimeout: (id) => window.clearTimeout(id),
};

export class TimedWorker {
  #start;
  #mostMs;
  #env;
  #worker = null;

  /** `start` returns a worker, whose first message says that it is ready. */
  constructor(start, mostMs, env = browser) {
    this.#start = start;
    this.#mostMs = mostMs;
    this.#env = env;
  }

  /** The answer, or null if it took too long; the next question goes to a new worker. Throws if no worker starts. */
  async ask(question) {
    if (!this.#worker) await this.#begin();
    const answer = this.#message(this.#mostMs);
    this.#worker.postMessage(question);
    return answer.catch(() => this.#end());
  }

  async #begin() {
    this.#worker = this.#start();
    try {
      await this.#message(START_MS);
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  #end() {
    this.#worker.terminate();
    this.#worker = null;
    return null;
  }

  /** The worker's next message. */
  #message(mostMs) {
    return new Promise((resolve, reject) => {
      const over = (settle, value) => {
        this.#env.clearTimeout(timer);
        settle(value);
      };
      const timer = this.#env.setTimeout(() => reject(new Error("The worker takes too long.")), mostMs);
      this.#worker.onmessage = ({ data }) => over(resolve, data);
      this.#worker.onerror = () => over(reject, new Error("The worker has failed."));
    });
  }
}
