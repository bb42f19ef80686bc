/** Colors finished code, one block at a time: `highlight.js` in a worker, the page while it is idle. */
import { idle } from "./idle.js";

// Longer code stays plain.
const MOST_CHARACTERS = 30_000;
const AGAIN_MS = 2_000;

const waiting = new Set();
let isRunning = false;

/** For final blocks only: the nodes of their code are replaced. */
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
      await colorNext(highlighted);
    }
  } catch {
    waiting.clear(); // not loaded: a page from before an update, or no connection; code is readable without colors
  } finally {
    isRunning = false;
  }
}

async function colorNext(highlighted) {
  const [code] = waiting;
  waiting.delete(code);
  const text = code.textContent;
  if (text.length > MOST_CHARACTERS || !code.isConnected) return;
  const colored = await highlighted(text, /language-(\S+)/.exec(code.className)[1]);
  if (!colored) return;
  if (isSelected(code)) window.setTimeout(() => colorLater(code.parentNode.parentNode), AGAIN_MS);
  else code.replaceChildren(colored);
}

/** Replacing the nodes would drop a selection. */
function isSelected(code) {
  const selection = window.getSelection();
  return !selection.isCollapsed && selection.containsNode(code, true);
}
