/** A new title in the row of a chat: Enter or leaving the field stores it, Escape leaves the old one. */
import { element } from "./elements.js";
import { request } from "./requests.js";

const FIELD = "block h-9 w-full min-w-0 rounded-base border border-default-strong bg-neutral-primary-soft px-3 py-1 text-[0.9375rem] text-heading";

export function rename({ sidebar, announce }, row) {
  if (row.querySelector("form")) return;
  const { threadId } = row.dataset;
  const shown = row.querySelector(".thread-title").textContent;
  const error = element("p", { id: `title-error-${threadId}`, class: "px-3 py-1 text-sm text-fg-danger", role: "alert", hidden: "" });
  const value = shown === sidebar.untitled ? "" : shown;
  const field = element("input", { type: "text", name: "title", value, class: FIELD, dir: "auto", autocomplete: "off", enterkeyhint: "done", "aria-label": "Title", "aria-describedby": error.id });
  const form = element("form", { class: "thread-rename p-0.5", action: `/chat/${threadId}/title/` }, field, error);
  const close = () => {
    const hadFocus = form.contains(document.activeElement);
    end(form, row);
    if (hadFocus) row.querySelector("a").focus({ preventScroll: true });
  };
  form.addEventListener("keydown", (event) => isEscape(event) && (event.preventDefault(), close()));
  let sent = null;
  const left = () => {
    if (form.ariaBusy || !form.isConnected || form.contains(document.activeElement)) return; // the window was left, or the row was moved
    if (field.value === field.defaultValue || !field.value.trim()) end(form, row);
    else if (field.value !== sent) form.requestSubmit(); // and not again what was refused
  };
  form.addEventListener("focusout", () => setTimeout(left));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy) return;
    form.ariaBusy = "true";
    const since = row.dataset.rev;
    const { title, problem } = await request(form.action, { title: (sent = field.value) });
    form.ariaBusy = null;
    if (!form.isConnected) return;
    if (problem) return refuse(form, field, error, problem);
    if (row.dataset.rev === since) sidebar.update({ thread_id: threadId, title }); // or the socket brought a newer title meanwhile
    if (field.value === sent) close(); // or the reader went back to it
    announce("Chat renamed");
  });
  row.setAttribute("data-renaming", "");
  row.append(form);
  field.focus();
  field.select();
}

function end(form, row) {
  row.removeAttribute("data-renaming");
  form.remove();
}

function refuse(form, field, error, sentence) {
  error.textContent = sentence;
  error.hidden = false;
  field.setAttribute("aria-invalid", "true");
  if (form.contains(document.activeElement)) field.focus(); // who writes elsewhere by now is not interrupted
}

/** Escape also cancels a word in Japanese, Chinese and Korean input. */
function isEscape({ key, isComposing, keyCode }) {
  return key === "Escape" && !isComposing && keyCode !== 229;
}
