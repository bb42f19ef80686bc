/** Syntax highlighting, by highlight.js in a worker. `coloring.js` loads this module when there is code. */
import { TimedWorker } from "./timed_worker.js";

// Code takes 50 ms per 30,000 characters, but a text made for it takes minutes: some patterns take quadratic or cubic time.
const MOST_MS = 1_000;
const MOST_SPANS = 10_000; // laid out in 0.1 s; 30,000 characters of Python or JavaScript have 2,000
const MOST_DEPTH = 50; // of strings in strings; thousands overflow Chromium's stack

const PART = /<span class="([^"]*)">|<\/span>|&(amp|lt|gt|quot|#x27);|[^<&]+/g;
const CHARACTERS = { amp: "&", lt: "<", gt: ">", quot: '"', "#x27": "'" };

const address = new URL("../highlighter.js", import.meta.url).href;
const policy = window.trustedTypes?.createPolicy("chat", { createScriptURL: () => address });
const worker = new TimedWorker(() => new Worker(policy?.createScriptURL("") ?? address), MOST_MS);

/** The code as nodes, or null if the language is unknown or the code should stay plain. */
export async function highlighted(code, language) {
  const html = await worker.ask({ code, language: language.toLowerCase() });
  return html === null ? null : nodesOf(html);
}

/** The HTML of highlight.js has only spans and five entities. */
function nodesOf(html) {
  const root = document.createDocumentFragment();
  let [place, depth, spans] = [root, 0, 0];
  for (const [part, className, entity] of html.matchAll(PART)) {
    if (part === "</span>") [place, depth] = [place.parentNode, depth - 1];
    else if (className !== undefined) [place, depth, spans] = [place.appendChild(spanOf(className)), depth + 1, spans + 1];
    else place.append(entity ? CHARACTERS[entity] : part);
    if (depth > MOST_DEPTH || spans > MOST_SPANS) return null;
  }
  root.normalize();
  return root;
}

function spanOf(className) {
  const span = document.createElement("span");
  span.className = className;
  return span;
}
