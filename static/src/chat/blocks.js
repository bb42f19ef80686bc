/**
 * An answer on the page, block by block: blocks that can no longer change are final, and only the open end is parsed.
 *
 * The work of a repaint is bounded by the open block, a selection above it survives, and an error is confined to its
 * block. A streamed answer ends in the same nodes as one rendered at once; tests compare the two.
 */
import { appendLines } from "./code-lines.js";
import { colorLater } from "./coloring.js";
import { HEADINGS, decorate, placeHeadings } from "./decoration.js";
import { directionOf } from "./direction.js";
import { FENCE_LINE } from "./fences.js";
import { idle } from "./idle.js";
import { withoutHidden } from "./invisible.js";
import { blocksOf, clearPart, definitionsIn, finalBlocksOf, htmlOf, normalized } from "./markdown.js";
import { morphChildren, morphElement } from "./morph.js";
import { sanitize } from "./sanitizer.js";
import { hasShortcode } from "./shortcodes.js";
import { addRows, newRowsOf } from "./tables.js";

// Blocks per chunk element: the browser restyles and lays out the last chunk instead of 200 kB.
const CHUNK = 40;
const LONG_CHARACTERS = 20_000;

const shown = new WeakMap(); // element → its blocks

/**
 * Makes an element show this text. With `keeping`, a long text is rendered from its end upward while the browser is idle;
 * `keeping` is called with each painting and keeps the scroll position.
 */
export function showMarkdown(target, text, options) {
  if (!shown.has(target)) shown.set(target, new Blocks(target));
  target.classList.add("is-rendered");
  try {
    shown.get(target).show(text, options);
  } catch {
    showPlain(target, text); // one message must not stop the page
  }
}

/** Shows the same text again where what is shown of it depends on what was loaded since. */
export function showAgain(root) {
  root.querySelectorAll(".is-rendered").forEach((target) => shown.get(target)?.again());
}

/** Makes an element show this text unformatted. */
export function showPlain(target, text) {
  shown.delete(target);
  target.classList.remove("is-rendered");
  target.dir = "auto";
  const shownText = withoutHidden(text);
  if (target.textContent !== shownText) target.textContent = shownText;
}

export class Blocks {
  #target;
  #text = null;
  #isGrowing = true;
  #start = 0; // text before this offset is final
  #settled = 0; // the number of final blocks
  #open = []; // the blocks after it: {raw, type, isOpenFence, rows, nodes}
  #fence = null; // the open code element, to which text is only appended
  #headings = []; // of the final blocks
  #headingsChanged = false;

  constructor(target) {
    this.#target = target;
  }

  /** Makes the target show this text. */
  show(content, { isGrowing = false, keeping } = {}) {
    const text = normalized(content);
    if (text === this.#text && isGrowing === this.#isGrowing) return;
    if (this.#text === null || !this.#isGrowing || !text.startsWith(this.#text)) this.#reset();
    const before = this.#text === null ? "" : clearPart(this.#text);
    [this.#text, this.#isGrowing] = [text, isGrowing];
    if (isGrowing) this.#grow(before, clearPart(text));
    else if (keeping && text.length > LONG_CHARACTERS) this.#fillUpward(text, keeping);
    else this.#finish(text);
  }

  again() {
    const [text, isGrowing] = [this.#text, this.#isGrowing];
    if (!hasShortcode(text)) return;
    this.#reset();
    this.show(text, { isGrowing });
  }

  #reset() {
    this.#target.replaceChildren();
    [this.#text, this.#start, this.#settled, this.#open, this.#fence, this.#headings] = [null, 0, 0, [], null, []];
  }

  #grow(before, text) {
    if (this.#fence && this.#addToFence(text.slice(before.length), before)) return;
    const blocks = blocksOf(text.slice(this.#start));
    this.#paint(blocks);
    this.#complete();
    this.#settle(blocks, text.length - this.#start);
    this.#fence = fenceOf(this.#open.at(-1));
  }

  /** Link definitions apply to the whole text, so a text that has some is rendered again at its end. */
  #finish(text) {
    this.#fence = null;
    const definitions = definitionsIn(text);
    if (definitions.size) this.#paintWhole(blocksOf(text, definitions));
    else this.#paint(blocksOf(text.slice(this.#start)));
    this.#complete();
    [this.#start, this.#settled, this.#open] = [text.length, 0, []];
    colorLater(this.#target);
  }

  async #fillUpward(text, keeping) {
    this.#reset();
    this.#text = text;
    const blocks = blocksOf(text, definitionsIn(text));
    for (let end = blocks.length; end > 0 && this.#text === text && this.#target.isConnected; ) {
      const begin = Math.floor((end - 1) / CHUNK) * CHUNK;
      keeping(() => this.#fill(begin, blocks.slice(begin, end)));
      end = begin;
      await idle();
    }
  }

  #fill(begin, blocks) {
    const chunk = chunkOf(this.#target, begin);
    chunk.append(...rendered(blocks).flat());
    colorLater(chunk);
    this.#placeAllHeadings();
    this.#complete();
  }

  #placeAllHeadings() {
    this.#headings = [...this.#target.querySelectorAll(HEADINGS)];
    this.#headingsChanged = true;
  }

  #paintWhole(blocks) {
    const fresh = document.createDocumentFragment();
    rendered(blocks).forEach((nodes, index) => nodes.length && chunkOf(fresh, index).append(...nodes));
    morphChildren(this.#target, fresh);
    this.#open = [];
    this.#placeAllHeadings();
  }

  #paint(blocks) {
    const changed = [...blocks.entries()].filter(([index, block]) => this.#isNew(index, block));
    const fresh = rendered(changed.map(([index, block]) => newRowsOf(this.#open[index], block) ?? block));
    changed.forEach(([index, block], number) => this.#put(index, block, fresh[number]));
    for (const { nodes } of this.#open.splice(blocks.length)) this.#remove(nodes);
    while (this.#target.lastElementChild?.childElementCount === 0) this.#target.lastElementChild.remove();
  }

  /** The text after a block can change its type. */
  #isNew(index, { raw, isOpenFence, token }) {
    const old = this.#open[index];
    return old?.raw !== raw || old.isOpenFence !== isOpenFence || old.type !== token.type;
  }

  #put(index, block, fresh) {
    const old = this.#open[index]?.nodes ?? [];
    this.#headingsChanged ||= headingsOf(fresh).length > 0;
    const { raw, isOpenFence, token } = block;
    const { type } = token;
    const stays = this.#change(index, block, old, fresh);
    if (!stays) {
      this.#insert(index, fresh);
      this.#remove(old);
    }
    const nodes = stays ? old : fresh;
    const rows = type === "table" && nodes[0]?.querySelector("tbody") ? token.rows.length : 0;
    this.#open[index] = { raw, type, isOpenFence, rows, nodes };
  }

  /** Changes the nodes of a block into what they should be; false if they have to be replaced. */
  #change(index, block, old, fresh) {
    if (old.length !== 1 || fresh.length !== 1) return false;
    const grows = newRowsOf(this.#open[index], block) && fresh[0].querySelector("tbody");
    if (!grows) return morphElement(old[0], fresh[0]);
    addRows(old[0], fresh[0]);
    return true;
  }

  /** What depends on the whole message. */
  #complete() {
    if (this.#headingsChanged) placeHeadings([...this.#headings, ...this.#open.flatMap(({ nodes }) => headingsOf(nodes))]);
    this.#headingsChanged = false;
    const direction = directionOf(this.#target);
    if (this.#target.dir !== direction) this.#target.dir = direction; // setting it visits every descendant
  }

  #insert(index, nodes) {
    if (!nodes.length) return;
    const chunk = chunkOf(this.#target, this.#settled + index);
    const next = this.#open.slice(index + 1).flatMap((block) => block.nodes)[0];
    for (const node of nodes) chunk.insertBefore(node, next?.parentNode === chunk ? next : null);
  }

  #remove(nodes) {
    this.#headingsChanged ||= headingsOf(nodes).length > 0;
    nodes.forEach((node) => node.remove());
  }

  /** Final blocks are never painted again. */
  #settle(blocks, length) {
    if (blocks.reduce((sum, block) => sum + block.length, 0) !== length) return;
    const count = finalBlocksOf(blocks);
    for (const block of blocks.slice(0, count)) this.#start += block.length;
    for (const { nodes } of this.#open.splice(0, count)) this.#keep(nodes);
    this.#settled += count;
  }

  #keep(nodes) {
    this.#headings.push(...headingsOf(nodes));
    nodes.forEach(colorLater);
  }

  /** Lines of open code need no parsing unless one of them could be a fence. */
  #addToFence(added, before) {
    const begun = before.slice(before.lastIndexOf("\n") + 1);
    if (`${begun}${added}`.split("\n").some((line) => FENCE_LINE.test(line))) return false;
    appendLines(this.#fence, added);
    return true;
  }
}

/** The chunk element of the block with this number. */
function chunkOf(target, number) {
  const index = Math.floor(number / CHUNK);
  while (target.childElementCount <= index) {
    const chunk = document.createElement("div");
    chunk.className = "blocks";
    target.append(chunk);
  }
  return target.children[index];
}

/** The nodes of each block. They are sanitized together: DOMPurify creates a document per call, which takes 0.3 ms. */
function rendered(blocks) {
  const htmls = blocks.map(htmlOf);
  try {
    const elements = nodesOf(htmls.map((html) => `<div>${html}</div>`).join(""));
    if (elements.length === blocks.length) return elements.map(({ children }) => [...children]);
  } catch {
    // One block cannot be rendered; the blocks are rendered one by one to find it.
  }
  return blocks.map(({ raw }, index) => nodesOrSource(htmls[index], raw));
}

function nodesOf(html) {
  return html ? [...decorate(sanitize(html)).children] : [];
}

function nodesOrSource(html, raw) {
  try {
    return nodesOf(html);
  } catch {
    return [sourceOf(raw)];
  }
}

function sourceOf(raw) {
  const paragraph = document.createElement("p");
  paragraph.className = "source";
  paragraph.textContent = raw;
  return paragraph;
}

function fenceOf(block) {
  return block?.isOpenFence && block.raw.includes("\n") ? block.nodes[0].querySelector("code") : null;
}

function headingsOf(nodes) {
  return nodes.flatMap((node) => (node.matches(HEADINGS) ? [node] : [...node.querySelectorAll(HEADINGS)]));
}
