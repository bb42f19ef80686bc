/** The tool calls of an answer, each as one line that opens. */
import { withChatLinks } from "./chat_links.js";

/** Deeper levels are indented like this one: a model can nest as deep as it likes. */
const MAX_INDENT = 20;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The tool calls that the server rendered, in the store's form. */
export function readTools(article) {
  return [...article.querySelectorAll(".tool-call")].map((row) => ({
    call_id: row.dataset.callId,
    name: row.dataset.name,
    status: row.dataset.status,
    arguments: row.querySelector(".tool-arguments pre").textContent,
    output: row.querySelector(".tool-output pre").textContent,
    title: row.querySelector(".tool-title").textContent,
    detail: row.querySelector(".tool-detail bdi").textContent,
  }));
}

export function showTools(article, tools) {
  const place = article.querySelector(".message-tools");
  if (!place) return;
  tools.forEach((tool) => showTool(place, tool));
}

function showTool(place, tool) {
  const row = place.querySelector(`[data-call-id="${CSS.escape(tool.call_id)}"]`) ?? newRow(place, tool.call_id);
  row.dataset.name = tool.name;
  row.dataset.status = tool.status;
  put(row.querySelector(".tool-title"), tool.title || tool.name); // a server of an older release sends no title
  put(row.querySelector(".tool-ending"), template().dataset[tool.status] ?? "");
  row.querySelector(".tool-detail").hidden = !tool.detail;
  put(row.querySelector(".tool-detail bdi"), tool.detail ?? "");
  show(row.querySelector(".tool-arguments"), tool.arguments);
  show(row.querySelector(".tool-output"), tool.output);
}

/** Not by `place.ownerDocument`: an article that is not on the page yet still belongs to its template's document. */
function template() {
  return document.getElementById("tool-template");
}

function newRow(place, callId) {
  const row = template().content.firstElementChild.cloneNode(true);
  row.dataset.callId = callId;
  place.append(row);
  return row;
}

function show(section, text) {
  section.hidden = !text;
  const place = section.querySelector("pre");
  const words = readable(text ?? "");
  const nodes = withChatLinks(words);
  const lacksLinks = nodes.length > 1 && !place.children.length; // as the server rendered it
  if (place.textContent !== words || lacksLinks) place.replaceChildren(...nodes);
}

function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** JSON with one value per line. Only spaces are added: parsing would round long numbers and drop repeated keys. */
export function readable(text) {
  if (!isNested(text)) return text;
  const tokens = text.match(TOKEN);
  let depth = 0;
  const line = () => `\n${"  ".repeat(Math.min(depth, MAX_INDENT))}`;
  return tokens.map((token, index) => {
    if ("{[".includes(token)) return "}]".includes(tokens[index + 1]) ? token : ((depth += 1), token + line());
    if ("}]".includes(token)) return "{[".includes(tokens[index - 1]) ? token : ((depth -= 1), line() + token);
    if (token === ",") return token + line();
    return token === ":" ? ": " : token;
  }).join("");
}

function isNested(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}
