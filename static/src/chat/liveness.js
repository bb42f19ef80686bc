/** Whether anything can arrive now, as the page shows it: the connection in words, the cursor of an answer, a silent model. */
import { Silence } from "./silence.js";
import { Status } from "./status.js";

const CUT_AFTER_MS = 1_000;

const part = (id) => document.getElementById(id);

export class Liveness {
  #main;
  #page;
  #status;
  #silence;
  #timer;
  isCut = false;

  /** `page`: `isUp()`, `cut()` after each change of `isCut`, `showSilence(id)`, and what status.js needs. */
  constructor(main, page) {
    this.#main = main;
    this.#page = page;
    this.#status = new Status(part("connection-status"), part("live-notice"), page);
    this.#silence = new Silence({ hears: () => page.isUp() && this.#status.isLive, show: (id) => page.showSilence(id) });
    page.signal.addEventListener("abort", () => {
      window.clearTimeout(this.#timer);
      this.#silence.close();
    });
  }

  /** No text can come while the connection is lost, so the cursor rests; a server that restarts goes unnoticed. */
  show({ phase }) {
    this.#changed(() => this.#status.show({ phase }));
    window.clearTimeout(this.#timer);
    if (phase === "connected") this.#cut(false);
    else if (phase !== "connecting") this.#timer = window.setTimeout(() => this.#cut(true), CUT_AFTER_MS);
  }

  showLive(isOn) {
    this.#changed(() => this.#status.showLive(isOn));
  }

  end() {
    this.#changed(() => this.#status.end());
  }

  /** Called after each change, with the running answer. */
  watch(answer) {
    this.#silence.watch(answer);
  }

  #changed(show) {
    show();
    this.#silence.restart();
  }

  #cut(isCut) {
    this.isCut = isCut;
    this.#main.toggleAttribute("data-cut", isCut);
    this.#page.cut();
  }
}
