/** Editing a question in place: its bubble becomes the editor. Loaded when the first one is edited. */

import { BUTTON, element } from "./elements.js";

const GONE = "The message you were editing is no longer shown. Your text has been moved to the message field.";

/**
 * `page`: `newVersion(text, id)` sends a text, or says why it can't be sent; `sends(event)`: whether this key sends;
 * `around(change)` keeps what the reader sees; `putBack(text, sentence)`: into the message field; `isBusy()`: whether an answer is
 * being written; `draftOf(id)`: a draft of the question's text, which survives a reload and an ended login; `signal`: the page is
 * left, and the draft has the text.
 */
export function edit(page, message, article, { text, sentence = "" } = {}) {
  if (article.querySelector(".message-editor")) return;
  const form = blank();
  const field = form.querySelector("textarea");
  const draft = page.draftOf(message.id);
  const end = () => {
    observer.disconnect();
    quiet.disconnect();
    form.remove();
    article.toggleAttribute("data-editing", false);
  };
  const cancel = () => {
    page.around(end);
    article.querySelector('[data-action="edit"]').focus({ preventScroll: true });
  };
  const quiet = new MutationObserver(() => !page.isBusy() && hush(form));
  const keep = () => {
    draft.write(field.value === message.content ? "" : field.value);
    if (draft.isKept) field.defaultValue = field.value; // for leaving the page: what differs would be lost
  };
  const observer = new MutationObserver(() => {
    if (article.isConnected) return;
    end();
    draft.clear();
    if (field.value.trim() && field.value !== message.content) page.putBack(field.value, GONE);
  });
  const watch = () => observer.observe(article.parentNode, { childList: true });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    observer.disconnect(); // the text is on its way when the article goes
    const problem = page.newVersion(field.value, message.id);
    if (!problem) {
      quiet.disconnect();
      return void draft.clear();
    }
    watch();
    say(form, field, problem);
  });
  form.addEventListener("keydown", (event) => pressed(event, { cancel, send: () => form.requestSubmit(), page }));
  form.querySelector('[type="button"]').addEventListener("click", () => {
    draft.clear();
    cancel();
  });
  field.addEventListener("input", () => {
    hush(form);
    keep();
  });
  field.defaultValue = message.content;
  field.value = text ?? (draft.read() || message.content);
  keep();
  page.around(() => {
    article.toggleAttribute("data-editing", true);
    article.querySelector(".markdown-content").after(form);
  });
  watch();
  page.signal.addEventListener("abort", end);
  quiet.observe(article.parentNode, { subtree: true, attributes: true, attributeFilter: ["data-status"] });
  if (sentence) say(form, field, sentence);
  focusAtEnd(form, field);
}

function blank() {
  const field = element("textarea", {
    class: "field-sizing-content max-h-[max(6rem,50dvh)] min-h-10 w-full resize-none border-0 bg-transparent px-3 py-2 text-base/6 text-heading outline-none focus:ring-0",
    dir: "auto", rows: 1, "aria-label": "Edit message", autocomplete: "off",
  });
  const error = element("p", { class: "px-3 pb-2 text-[0.9375rem] text-fg-danger", role: "alert", hidden: "" });
  const buttons = element(
    "div",
    { class: "flex justify-end gap-2" },
    element("button", { type: "button", class: `${BUTTON} border-default bg-neutral-primary-soft text-heading hover:bg-neutral-tertiary` }, "Cancel"),
    element("button", { class: `${BUTTON} border-transparent bg-brand text-white hover:bg-brand-strong` }, "Send"),
  );
  const box = "message-editor w-full max-w-144 rounded-3xl border border-default-strong bg-neutral-primary-soft p-1.5 focus-within:ring focus-within:ring-default-strong forced-colors:focus-within:outline-2";
  return element("form", { class: box }, field, error, buttons);
}

/** Escape also cancels a word in Japanese, Chinese and Korean input. */
function pressed(event, { cancel, send, page }) {
  if (event.key === "Escape" && !event.isComposing && event.keyCode !== 229) cancel();
  else if (!page.sends(event)) return;
  else send();
  event.preventDefault();
}

function say(form, field, sentence) {
  const place = form.querySelector("[role=alert]");
  place.textContent = sentence;
  place.hidden = false;
  field.focus({ preventScroll: true });
}

function hush(form) {
  form.querySelector("[role=alert]").hidden = true;
}

function focusAtEnd(form, field) {
  field.style.height = CSS.supports("field-sizing", "content") ? "" : `${field.scrollHeight}px`;
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.value.length, field.value.length);
  form.scrollIntoView({ block: "nearest" });
}
