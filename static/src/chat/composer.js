/** The form at the bottom of the page: the field grows, its text is kept until it is stored, one message a second. */
import { EnterKey } from "./enter_key.js";

const BETWEEN_MS = 1_000;
// The character count is shown from this part of the limit on.
const COUNT_FROM = 0.9;

export class Composer {
  #form;
  #field;
  #page;
  #draft;
  #limit;
  #enterKey;
  #running = null;
  #waits = false;
  #isDue = false;
  #lastSent = -Infinity;
  #isAboutText = false;
  #signal;

  /**
   * `page.onSend(content, clientId, model)`, `page.onStop(messageId)`, `page.onEdit()`, `page.onCancel()` and `page.onUp()`: Arrow-up in
   * the empty field. With `page.keepsText` (the first message of a chat) the text stays in the field while it is sent. `signal` ends
   * all of it.
   */
  constructor(form, { limit, draft, signal, ...page }) {
    this.#form = form;
    this.#field = form.elements.message;
    this.#page = page;
    this.#draft = draft;
    this.#limit = limit;
    this.#signal = signal;
    this.#enterKey = new EnterKey(this.#field, form.dataset.enterKey, signal);
    // Without JavaScript, Back restores the text of a refused page; the draft knows what was sent in the meantime.
    this.#field.autocomplete = "off";
    this.#field.value ||= draft.read();
    // Enter in an empty field needs no error message from the browser.
    form.noValidate = true;
    form.addEventListener("submit", (event) => this.#submitted(event), { signal });
    this.#field.addEventListener("input", () => this.#edited(), { signal });
    this.#field.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    this.#cancel.addEventListener("click", () => this.#page.onCancel?.(), { signal });
    this.#stop.addEventListener("click", () => this.#page.onStop?.(this.#running), { signal });
    this.#typed();
    if (!this.#field.value) draft.inherited().then((text) => text && !signal?.aborted && this.fill(text));
    // On a phone the keyboard would cover half of the page.
    if (window.matchMedia("(pointer: fine)").matches) this.focus();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  /** Puts a text into the field, to be sent or changed; what is written there already stays. */
  fill(text) {
    if (!this.#field.value.trim()) this.#field.value = text;
    this.#typed();
    this.focus();
  }

  /** The text was stored. */
  empty() {
    this.#field.value = "";
    this.#draft.clear();
    this.#typed();
  }

  /** Whether closing the page would lose text. */
  get wouldLose() {
    return !this.#draft.isKept && Boolean(this.#field.value.trim());
  }

  /** While an answer is written (`queues`, also in another version), messages wait for it; one that is shown (`running`) can be stopped. */
  show({ running, queues, waits, isCut }) {
    if (this.#running && !running && !this.#isAboutText) this.say("");
    this.#running = running;
    this.#waits = waits && !isCut;
    const isFocused = document.activeElement === this.#stop;
    this.#stop.hidden = !running;
    this.#send.ariaLabel = queues ? "Add to queue" : "Send";
    if (!running) this.#stop.removeAttribute("aria-disabled");
    // The focused button is hidden: the focus must not jump to the top of the page.
    if (isFocused && !running) this.focus();
    this.#sendable(!this.#waits);
    this.#sendDue();
  }

  /** The text stays, and nothing else can be sent, until the server has answered. */
  sending(isOn) {
    this.#field.readOnly = isOn;
    this.#sendable(!isOn);
  }

  /** The chosen model, or "" where there is no choice. */
  get model() {
    return this.#form.elements.model?.value ?? "";
  }

  /** The user changed the setting, perhaps in another tab. */
  chooseEnterKey(choice) {
    this.#form.dataset.enterKey = choice;
    this.#enterKey.choose(choice);
  }

  /** Whether this key sends, also in the editor of a message. */
  sends(event) {
    return this.#enterKey.sends(event);
  }

  stopping() {
    this.#stop.setAttribute("aria-disabled", "true");
  }

  /** Puts the text of a refused message back, above what was typed since. It may have been stored with `clientId`, if given. */
  putBack(content, sentence, clientId = null) {
    this.#field.value = [content, this.#field.value].filter(Boolean).join("\n\n");
    if (clientId && this.#field.value === content) this.#draft.remember(content, clientId);
    this.#typed();
    this.say(sentence);
    this.#isAboutText = !clientId; // not about an answer, with which it would go
  }

  say(sentence) {
    this.#isAboutText = false;
    const place = this.#form.querySelector("#composer-error");
    place.textContent = sentence;
    place.hidden = !sentence;
    this.canCancel(false);
    if (sentence) this.#field.setAttribute("aria-describedby", place.id);
    else ["aria-describedby", "aria-invalid"].forEach((name) => this.#field.removeAttribute(name));
  }

  /** Whether the text of `say` is about a wait that Cancel ends. */
  canCancel(isOn) {
    this.#cancel.hidden = !isOn;
  }

  close() {
    // Not `disabled`: its text can still be copied.
    this.#field.readOnly = true;
    this.#sendable(false);
    this.#stop.hidden = true;
    this.#waits = true;
  }

  get #send() {
    return this.#form.querySelector("#send");
  }

  get #cancel() {
    return this.#form.querySelector("#cancel-sending");
  }

  get #stop() {
    return this.#form.querySelector("#stop");
  }

  #pressed(event) {
    if (event.key === "ArrowUp" && !this.#field.value && this.#page.onUp?.()) return event.preventDefault();
    if (!this.#enterKey.sends(event)) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submitted(event) {
    event.preventDefault();
    if (this.#field.readOnly || !this.#field.value.trim()) return;
    this.say("");
    this.#isDue = true;
    this.#sendDue();
  }

  /** Sends at once, or when the last message was acknowledged and a second has passed: no one has to press a key twice. */
  #sendDue() {
    if (!this.#isDue || this.#field.readOnly || this.#signal?.aborted) return;
    const wait = this.#lastSent + BETWEEN_MS - performance.now();
    if (wait > 0) return void window.setTimeout(() => this.#sendDue(), wait);
    if (this.#waits) return this.say("Your last message is still being sent. This one will follow.");
    this.#isDue = false;
    const problem = this.problemOf(this.#field.value);
    this.say(problem);
    if (!problem) this.#sendNow();
  }

  #sendNow() {
    this.#lastSent = performance.now();
    const content = this.#field.value;
    const clientId = this.#draft.clientIdOf(content);
    this.#form.querySelector("#model-gone")?.remove(); // the chat has a new model now
    this.#page.onSend(content, clientId, this.model);
    if (this.#page.keepsText) return;
    this.empty();
    if (document.activeElement === this.#send) this.focus();
  }

  /** Why a text can't be sent, or "". */
  problemOf(text) {
    if (!text.trim()) return "Enter a message.";
    const over = this.#length(text) - this.#limit;
    return over > 0 ? `Your message is ${over.toLocaleString("en")} ${over === 1 ? "character" : "characters"} too long.` : "";
  }

  #edited() {
    this.#isDue = false;
    this.#page.onEdit?.();
    this.#typed();
  }

  #sendable(isOn) {
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
    const length = this.#length(this.#field.value);
    place.hidden = length < this.#limit * COUNT_FROM;
    place.toggleAttribute("data-over", length > this.#limit);
    place.textContent = place.hidden ? "" : `${length.toLocaleString("en")} / ${this.#limit.toLocaleString("en")}`;
  }

  /** In characters, as the server counts them: an emoji is one, although JavaScript counts two. */
  #length(text) {
    return text.length < this.#limit * COUNT_FROM ? text.length : Array.from(text).length;
  }
}

/** Up to the max-height in the CSS; newer browsers do it by themselves (`field-sizing`). */
function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
