/** The form at the bottom of the page: the field grows, a draft is kept, one message a second. */
import { EnterKey } from "./enter_key.js";

const BETWEEN_MS = 1_000;
// The character count is shown from this part of the limit on.
const COUNT_FROM = 0.9;

export class Composer {
  #form;
  #field;
  #clientId;
  #page;
  #draft;
  #limit;
  #enterKey;
  #running = null;
  #waits = false;
  #lastSent = -Infinity;

  /**
   * `page.onSend(content, clientId, model)` and `page.onStop(messageId)`; without `onSend` (the first message of a
   * thread) the form is posted as it is.
   */
  constructor(form, { limit, draft, ...page }) {
    this.#form = form;
    this.#field = form.elements.message;
    this.#clientId = form.elements.client_id;
    this.#page = page;
    this.#draft = draft;
    this.#limit = limit;
    this.#enterKey = new EnterKey(this.#field, form.dataset.enterKey);
    this.#field.value ||= draft.read();
    // Enter in an empty field needs no error message from the browser.
    form.noValidate = true;
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    this.#stop.addEventListener("click", () => this.#page.onStop?.(this.#running));
    // The browser may restore the page as it was left, with its button still disabled.
    window.addEventListener("pageshow", () => this.#sendable(true));
    this.#typed();
    // On a phone the keyboard would cover half of the page.
    if (window.matchMedia("(pointer: fine)").matches) this.focus();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /** Puts a suggested text into the field, to be sent or changed; what is written there already stays. */
  fill(text) {
    if (!this.#field.value.trim()) this.#field.value = text;
    this.#typed();
    this.focus();
  }

  /** While an answer runs, Stop replaces Send; the next message can still be typed. */
  show({ running, waits }) {
    const isLeft = document.activeElement === (running ? this.#send : this.#stop);
    if (this.#running && !running) this.say("");
    this.#running = running;
    this.#waits = waits;
    this.#stop.hidden = !running;
    this.#send.hidden = Boolean(running);
    if (!running) this.#stop.removeAttribute("aria-disabled");
    // The focused button is hidden: the focus must not jump to the top of the page.
    if (isLeft) this.focus();
    this.#sendable(!waits);
  }

  /** The chosen model, or "" where there is no choice. */
  get model() {
    return this.#form.elements.model?.value ?? "";
  }

  /** The user changed the setting, perhaps in another tab. */
  chooseEnterKey(choice) {
    this.#enterKey.choose(choice);
  }

  stopping() {
    this.#stop.setAttribute("aria-disabled", "true");
  }

  /** Puts the text of a refused message back, above what was typed since. */
  putBack(content, sentence) {
    this.#field.value = [content, this.#field.value].filter(Boolean).join("\n\n");
    this.#typed();
    this.say(sentence);
  }

  say(sentence) {
    const place = this.#form.querySelector("#composer-error");
    place.textContent = sentence;
    place.hidden = !sentence;
    if (sentence) this.#field.setAttribute("aria-describedby", place.id);
    else ["aria-describedby", "aria-invalid"].forEach((name) => this.#field.removeAttribute(name));
  }

  close() {
    // Not `disabled`: its text can still be copied.
    this.#field.readOnly = true;
    this.#sendable(false);
    this.#stop.hidden = true;
    this.#send.hidden = false;
    this.#waits = true;
  }

  get #send() {
    return this.#form.querySelector("#send");
  }

  get #stop() {
    return this.#form.querySelector("#stop");
  }

  #pressed(event) {
    if (!this.#enterKey.sends(event)) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submitted(event) {
    const problem = this.#problem();
    if (problem !== null || this.#page.onSend) event.preventDefault();
    if (problem !== null) return problem && this.say(problem);
    this.#lastSent = performance.now();
    this.say("");
    if (!this.#page.onSend) return this.#leave();
    const content = this.#field.value;
    const clientId = this.#clientId.value;
    this.#clientId.value = newId();
    this.#field.value = "";
    this.#typed();
    this.#form.querySelector("#model-gone")?.remove(); // the chat has a new model now
    this.#page.onSend(content, clientId, this.model);
  }

  /** Why nothing can be sent now: a sentence, "" where silence is clearer, or null if the message can be sent. */
  #problem() {
    if (this.#field.readOnly) return "";
    if (!this.#field.value.trim()) return "";
    if (this.#running) return "Wait for the answer or stop it first.";
    if (this.#waits || performance.now() - this.#lastSent < BETWEEN_MS) return "Your last message is still being sent.";
    const over = this.#length() - this.#limit;
    return over > 0 ? `Your message is ${over.toLocaleString("en")} ${over === 1 ? "character" : "characters"} too long.` : null;
  }

  /** The page is about to be replaced by the server's response. */
  #leave() {
    this.#draft.write("");
    this.#waits = true;
    this.#sendable(false);
  }

  #sendable(isOn) {
    if (isOn && !this.#page.onSend) this.#waits = false;
    // Not `disabled`: a focused button that gets disabled sends keyboard users to the top of the page.
    if (isOn) this.#send.removeAttribute("aria-disabled");
    else this.#send.setAttribute("aria-disabled", "true");
  }

  #typed() {
    this.#draft.write(this.#field.value);
    grow(this.#field);
    this.#count();
    this.#form.toggleAttribute("data-empty", !this.#field.value.trim());
  }

  #count() {
    const place = this.#form.querySelector("#composer-count");
    const length = this.#length();
    place.hidden = length < this.#limit * COUNT_FROM;
    place.toggleAttribute("data-over", length > this.#limit);
    place.textContent = place.hidden ? "" : `${length.toLocaleString("en")} / ${this.#limit.toLocaleString("en")}`;
  }

  /** In characters, as the server counts them: an emoji is one, although JavaScript counts two. */
  #length() {
    const { value } = this.#field;
    return value.length < this.#limit * COUNT_FROM ? value.length : Array.from(value).length;
  }
}

/** Up to the max-height in the CSS; newer browsers do it by themselves (`field-sizing`). */
function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/** A random UUID; `crypto.randomUUID` is missing on plain http. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
