/** The tools that an answer used, each as a row that opens. */

/** The tool calls that the server rendered, in the store's form. */
export function readTools(article) {
  return [...article.querySelectorAll(".tool-call")].map((row) => ({
    call_id: row.dataset.callId,
    name: row.querySelector(".tool-name").textContent,
    status: row.dataset.status,
    arguments: row.querySelector(".tool-arguments pre").textContent,
    output: row.querySelector(".tool-output pre").textContent,
  }));
}

export function showTools(article, tools) {
  const place = article.querySelector(".message-tools");
  if (!place) return;
  tools.forEach((tool) => showTool(place, tool));
}

function showTool(place, tool) {
  const row = place.querySelector(`[data-call-id="${CSS.escape(tool.call_id)}"]`) ?? newRow(place, tool.call_id);
  row.dataset.status = tool.status;
  row.querySelector(".tool-name").textContent = tool.name;
  row.querySelector(".tool-status").textContent = template().dataset[tool.status] ?? tool.status;
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

function show(section, value) {
  section.hidden = value === undefined || value === null || value === "";
  if (!section.hidden) section.querySelector("pre").textContent = readable(value);
}

/** Arguments come as JSON text or as an object; both are shown with one key per line. */
function readable(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 2);
  try {
    const parsed = JSON.parse(value);
    return typeof parsed === "object" ? JSON.stringify(parsed, null, 2) : value;
  } catch {
    return value;
  }
}
