/**
 * Where the reader is. A new question goes to the top once, and its answer grows below it, unmoved. The end is followed
 * only if the reader goes there; any upward movement ends that.
 */
import { readNow } from "./in_view.js";

// Scroll positions are fractions of a pixel, heights are rounded.
const AT_END_PX = 1;
const NEAR_PX = 48;
const TAP_PX = 3; // a finger that taps moves, too
const UPWARD_KEYS = new Set(["ArrowUp", "PageUp", "Home"]);

export class Follower {
  #scroller;
  #list;
  #button;
  #follows = false;
  #awaits = false; // the next message goes to the top wherever the reader is
  #below = 0; // pixels below the view when last measured
  #height = 0; // of the view, then
  #place = 0; // scrollTop when the end was last followed
  #end = 0; // the greatest scrollTop before the last repaint
  #lift = 0; // by which the question has gone up, so that the text below it stays
  #known = new WeakSet(); // articles that have been the last

  /** Until `signal` is aborted. */
  constructor(scroller, list, button, signal) {
    this.#scroller = scroller;
    this.#list = list;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true, signal });
    button.addEventListener("click", () => this.toLatest({ focus: true }), { signal });
    this.#listenForLeaving(signal);
    const observer = new ResizeObserver((entries) => this.#resized(entries.some(({ target }) => target === scroller)));
    observer.observe(scroller);
    observer.observe(list);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** A page opens where its reload left it, at the question that is being answered, or at its end. */
  open(place) {
    this.#height = this.#scroller.clientHeight;
    for (const article of this.#list.children) this.#known.add(article);
    if (place && this.#restore(place)) return;
    if (this.#isBeginning()) this.#toTurn();
    else this.toLatest();
  }

  /** For `open` after a reload; null means the end. */
  get place() {
    const article = readNow(this.#scroller, this.#list.children).at(-1);
    if (this.#follows || !article) return null;
    return { id: article.dataset.messageId, top: this.#topOf(article), hasRoom: "room" in this.#list.dataset };
  }

  /** Wraps a repaint: the text in view stays where it is, or the view stays at the end. */
  around(paint) {
    this.#look();
    const isAtEnd = this.#below <= AT_END_PX;
    this.#end = this.#scroller.scrollTop + this.#below;
    if (this.#follows) paint();
    else this.#still(paint);
    const last = this.#list.lastElementChild;
    const isNew = last && !this.#known.has(last);
    if (isNew) this.#known.add(last);
    if (isNew && (isAtEnd || this.#awaits)) this.#toTurn();
    else if (this.#follows) this.#toEnd();
    else this.#measure();
  }

  /** Wraps a repaint that shows another version: what comes in the place of the first article that goes is where that was. */
  fork(paint) {
    const before = [...this.#list.children];
    const tops = before.map((article) => this.#topOf(article));
    this.#leave();
    this.#lift = 0;
    paint();
    const after = [...this.#list.children];
    after.forEach((article) => this.#known.add(article));
    const at = after.findIndex((article, index) => article !== before[index]);
    const top = tops[at] ?? 0;
    if (at >= 0) this.#bring(after[at], top < this.#scroller.clientHeight ? Math.max(top, 0) : top);
    this.#measure();
  }

  /** The question that was just asked, or that is answered again, goes to the top. */
  toQuestion() {
    this.#awaits = !this.#isRunning();
    if (!this.#awaits) this.#toTurn();
  }

  toLatest({ focus = false } = {}) {
    this.#follows = true;
    this.#toEnd();
    if (focus) this.#scroller.focus({ preventScroll: true });
  }

  // -- the reader moves ---------------------------------------------------------------------------------------------

  /** Before the first pixel has moved, since a repaint must not win that race. */
  #listenForLeaving(signal) {
    const options = { passive: true, signal };
    const on = (type, isUpward) => this.#scroller.addEventListener(type, (event) => isUpward(event) && this.#leave(), options);
    let touched = 0;
    on("wheel", ({ deltaY }) => deltaY < 0);
    on("keydown", ({ key, shiftKey }) => UPWARD_KEYS.has(key) || (key === " " && shiftKey));
    on("touchstart", ({ touches }) => void (touched = touches[0].clientY));
    on("touchmove", ({ touches }) => touches[0].clientY > touched + TAP_PX);
    // Opened details are read from their beginning: the summary stays where it was clicked.
    on("click", ({ target }) => target.closest("summary"));
    document.addEventListener("selectionchange", () => this.#isSelecting() && this.#leave(), options);
  }

  /** Text that is being selected must not move under the pointer. */
  #isSelecting() {
    const selection = document.getSelection();
    return !selection.isCollapsed && this.#list.contains(selection.anchorNode);
  }

  #leave() {
    this.#follows = false;
    this.#awaits = false;
  }

  #scrolled() {
    const before = this.#below;
    this.#look();
    // Only growth of the content, which `around` measures, and the reader change the distance from the end.
    if (this.#below < before - AT_END_PX / 2 && this.#isAtEnd()) this.#follows = true;
    this.#show();
  }

  /** The end as the reader saw it: the page may have grown since their finger or wheel moved. */
  #isAtEnd() {
    return this.#below <= AT_END_PX || (this.#below <= NEAR_PX && this.#scroller.scrollTop >= this.#end);
  }

  #look() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    if (clientHeight !== this.#height) return; // `#resized` comes in this frame
    this.#below = Math.max(scrollHeight - scrollTop - clientHeight, 0);
    if (this.#follows && this.#below > AT_END_PX && scrollTop < this.#place - AT_END_PX) this.#leave();
  }

  /** The window, the keyboard, the message field: the end stays the end. Late fonts and formulas change the list. */
  #resized(isView) {
    this.#height = this.#scroller.clientHeight;
    if (this.#follows || (isView && this.#below <= AT_END_PX)) this.#toEnd();
    else this.#measure();
  }

  // -- the page moves ------------------------------------------------------------------------------------------------

  #still(paint) {
    const anchors = readNow(this.#scroller, this.#list.children).map((element) => [element, this.#topOf(element)]);
    paint();
    const [element, top] = anchors.find(([{ isConnected }]) => isConnected) ?? [];
    if (element) this.#bring(element, top, "room" in this.#list.dataset);
  }

  /** Scrolls until an element is at this place. */
  #bring(element, top, mayGrow = true) {
    this.#scroller.scrollTop += this.#topOf(element) - top;
    const missing = this.#topOf(element) - top;
    if (missing < 1 || !mayGrow) return;
    this.#list.dataset.room = ""; // the end is reached: the room below the answer has to grow
    this.#measure();
    this.#lift += Math.max(this.#topOf(element) - top - this.#below, 0);
    this.#measure();
    this.#scroller.scrollTop += this.#topOf(element) - top;
  }

  /** Room for an answer below its question, so that the question can be at the top. */
  #toTurn() {
    this.#list.dataset.room = "";
    [this.#follows, this.#awaits, this.#lift] = [false, false, 0];
    this.#measure();
    const { question, last } = this.#turn();
    this.#known.add(last);
    if (question === last) return this.#toEnd(); // its room ends at the bottom of the view
    const above = Math.min(this.#asked(), this.#scroller.clientHeight / 2);
    this.#scroller.scrollTop += this.#topOf(last) - above;
    this.#measure();
  }

  #measure() {
    this.#makeRoom();
    this.#look();
    this.#show();
  }

  /** The styles of the list give it to the last article. */
  #makeRoom() {
    if (!("room" in this.#list.dataset)) return;
    this.#put("--asked", this.#asked());
    this.#put("--lift", this.#lift);
  }

  #put(name, pixels) {
    const value = `${pixels}px`;
    if (this.#list.style.getPropertyValue(name) !== value) this.#list.style.setProperty(name, value);
  }

  #restore({ id, top, hasRoom }) {
    const article = this.#list.querySelector(`article[data-message-id="${CSS.escape(id)}"]`);
    if (!article) return false;
    if (hasRoom) this.#list.dataset.room = "";
    this.#measure();
    this.#scroller.scrollTop += this.#topOf(article) - top;
    this.#measure();
    return true;
  }

  #toEnd() {
    this.#makeRoom();
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#place = this.#scroller.scrollTop;
    this.#look();
    this.#show();
  }

  #show() {
    this.#button.hidden = this.#follows || this.#below <= NEAR_PX;
  }

  // -- the page ------------------------------------------------------------------------------------------------------

  /** The last question, or the last article if there is none, and the last article. */
  #turn() {
    const last = this.#list.lastElementChild;
    let question = last;
    while (question && question.dataset.role !== "user") question = question.previousElementSibling;
    return { question: question ?? last, last };
  }

  /** Pixels from the top of the question to the last article. */
  #asked() {
    const { question, last } = this.#turn();
    return last ? this.#topOf(last) - this.#topOf(question) : 0;
  }

  #topOf(element) {
    return element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }

  #isRunning() {
    return ["pending", "streaming"].includes(this.#list.lastElementChild?.dataset.status);
  }

  /** A running answer that is still seen whole below its question. */
  #isBeginning() {
    const { question, last } = this.#turn();
    if (!this.#isRunning()) return false;
    return last.getBoundingClientRect().bottom - question.getBoundingClientRect().top <= this.#scroller.clientHeight;
  }
}
