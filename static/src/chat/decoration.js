/** What the page adds to sanitized Markdown, by DOM code only: copy buttons, scrolling tables, hosts of links. */
import { copyBy, selected } from "../copy.js";
import { appendLines } from "./code-lines.js";
import { giveDirections } from "./direction.js";
import { typeset } from "./formulas.js";
import { unsaidTarget } from "./sanitizer.js";

export const HEADINGS = "h1, h2, h3, h4, h5, h6";

export function decorate(fragment) {
  giveDirections(fragment);
  fragment.querySelectorAll("pre").forEach(frameCode);
  fragment.querySelectorAll("table").forEach(letTableScroll);
  fragment.querySelectorAll("a[href]").forEach(showHost);
  fragment.querySelectorAll('span[title^="Image"]').forEach((chip) => chip.classList.add("image-chip"));
  fragment.querySelectorAll("input").forEach(nameCheckbox);
  typeset(fragment);
  return fragment;
}

function frameCode(pre) {
  const language = /language-(\S+)/.exec(pre.querySelector("code")?.className ?? "")?.[1] ?? "";
  const bar = element("div", "code-bar");
  const button = element("button", "code-copy", "Copy");
  button.type = "button";
  button.setAttribute("aria-label", language ? `Copy ${language} code` : "Copy code");
  bar.append(element("span", "code-language", language), button);
  const frame = element("div", "code-block");
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  inChunks(pre.querySelector("code"));
  frame.append(bar, pre);
}

function inChunks(code) {
  const text = code.textContent;
  code.textContent = "";
  appendLines(code, text);
}

function letTableScroll(table) {
  const frame = element("div", "table-scroll");
  frame.tabIndex = 0;
  table.replaceWith(frame);
  frame.append(table);
}

/** A link's text can say anything, so its host or mailbox is shown after it, unless the text begins with it. */
function showHost(link) {
  const [address, { origin, host: own }] = [link.getAttribute("href"), window.location];
  const target = unsaidTarget(address[0] === "/" ? origin + address : address, link.textContent.trim(), own);
  if (!target) return;
  const host = element("span", "link-host", ` (${target})`);
  host.dir = "ltr"; // isolated from the direction of the text
  link.append(host);
}

function nameCheckbox(box) {
  box.setAttribute("aria-label", box.checked ? "Done" : "To do");
  box.closest("li")?.classList.add("task");
}

const SPEAKER_LEVEL = 2;

/** The page's title is level 1, the speaker level 2: an answer's headings come below, without gaps, whatever their size. */
export function placeHeadings(headings) {
  const levels = headings.map(({ nodeName }) => Number(nodeName[1]));
  const highest = Math.min(...levels);
  let above = SPEAKER_LEVEL;
  headings.forEach((heading, index) => {
    above = Math.min(levels[index] - highest + SPEAKER_LEVEL + 1, above + 1);
    if (heading.ariaLevel !== String(above)) heading.ariaLevel = above;
  });
}

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

/** One listener for all copy buttons, also those of later repaints. */
export function startCopyButtons(root, announce) {
  root.addEventListener("click", async ({ target }) => {
    const button = target.closest?.(".code-copy");
    if (!button) return;
    const pre = button.closest(".code-block").querySelector("pre");
    const done = await copyBy(button, pre, pre.textContent.replace(/\n$/, ""));
    announce(done ? "Code copied" : selected().sentence);
  });
}
