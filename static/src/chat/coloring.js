/** Colors finished code, one block at a time while the browser has nothing else to do. */
import { idle } from "./idle.js";

// A block this long takes 50 ms, and longer ones are hardly read for their colors.
const MOST_CHARACTERS = 30_000;
const AGAIN_MS = 2_000;

const waiting = new Set();
let isRunning = false;

/** To be called with what is final: its nodes are replaced. */
export function colorLater(root) {
  root.querySelectorAll('pre > code[class*="language-"]:has(> .code-lines)').forEach((code) => waiting.add(code));
  run();
}

async function run() {
  if (isRunning || !waiting.size) return;
  isRunning = true;
  try {
    const { highlighted } = await import("./highlight.js");
    while (waiting.size) {
      await idle();
      colorNext(highlighted);
    }
  } catch {
    waiting.clear(); // not loaded: an old page after an update, or no connection; code is readable without colors
  } finally {
    isRunning = false;
  }
}

function colorNext(highlighted) {
  const [code] = waiting;
  waiting.delete(code);
  const text = code.textContent;
  if (text.length > MOST_CHARACTERS) return;
  if (isSelected(code)) return void window.setTimeout(() => colorLater(code.parentNode.parentNode), AGAIN_MS);
  const colored = highlighted(text, /language-(\S+)/.exec(code.className)[1]);
  if (colored) code.replaceChildren(colored);
}

/** Colors would drop a selection. */
function isSelected(code) {
  const selection = window.getSelection();
  return !selection.isCollapsed && selection.containsNode(code, true);
}
