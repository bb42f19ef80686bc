/** What a reader does with versions of messages. Loaded when the first of these buttons is pressed, or a version appears. */
import { askToDelete } from "./deletion.js";
import { toggleMessageMenu } from "./message_menu.js";
import { request } from "./requests.js";

const BUSY = "Wait for the answer to finish, or stop it first.";
const FULL = "The site is busy. It will be tried again in a moment.";
const APPEARS_MS = 10_000;

const ACTIONS = {
  retry: (page, message) => again(page, message, {}),
  continue: (page, message) => again(page, message, { go_on: "1" }),
  version: (page, message, button) => toVersion(page, button),
  show: (page, message, button) => moveHead(page, button.value),
  more: (page, message, button) => toggleMessageMenu(button, message, (choice) => CHOICES[choice.name](page, message, choice.value)),
};

const CHOICES = {
  again: (page, message, model) => again(page, message, { model }),
  branch: (page, { id }) => branch(page, id),
  delete: askToDelete,
};

/** `page`: what versions.js needs of thread.js. A second press while the first is on its way does nothing. */
export async function act(page, message, button) {
  if (button.ariaBusy) return;
  button.ariaBusy = "true";
  if (document.getElementById("cancel-sending").hidden) page.say(""); // otherwise it is about a wait that Cancel ends
  await ACTIONS[button.dataset.action](page, message, button);
  button.ariaBusy = null;
}

/** Shows on a message which version it is; `template` is the server's markup. */
export function showVersions(article, { id, versions }, template) {
  const actions = article.querySelector(".message-actions");
  const shown = actions.querySelector(".message-versions");
  if (versions.length < 2) return shown?.remove();
  const form = shown ?? template.content.firstElementChild.cloneNode(true);
  const at = versions.indexOf(id);
  form.firstElementChild.ariaLabel = `Version ${at + 1} of ${versions.length}`;
  form.querySelector("span").textContent = `${at + 1}/${versions.length}`;
  form.querySelectorAll("button").forEach((button, index) => {
    button.value = versions[at + index * 2 - 1] ?? "";
    button.disabled = !button.value;
  });
  if (!shown) actions.append(form);
}

/** A new version of an answer, or the rest of it. It arrives over the socket. Sent again while the server is full. */
async function again(page, { id }, fields) {
  if (page.isBusy()) return page.say(BUSY);
  page.keepFocus();
  const attempt = { message_id: id, client_id: page.newId(), ...fields };
  for (;;) {
    const { problem, retryMs } = await request(`${page.address}again/`, attempt);
    page.say(retryMs ? FULL : (problem ?? ""));
    if (!problem) return page.toQuestion();
    if (page.signal.aborted || !retryMs || (await isCanceled(page, retryMs * (1 + Math.random())))) return;
  }
}

/** Whether Cancel was pressed before the time had passed. */
async function isCanceled(page, ms) {
  const cancel = document.getElementById("cancel-sending"); // the next sentence hides it
  cancel.hidden = false;
  const canceled = new Promise((resolve) => {
    for (const [target, type] of [[cancel, "click"], [page.signal, "abort"]]) target.addEventListener(type, () => resolve(true), { once: true });
    window.setTimeout(() => resolve(false), ms);
  });
  if (!(await canceled)) return false;
  page.keepFocus();
  page.say("");
  return true;
}

/** The focus stays on the same button of the other version. */
async function toVersion(page, button) {
  if (!(await moveHead(page, button.value))) return;
  const article = await appears(page.list, button.value);
  if (!article) return;
  const buttons = [...article.querySelectorAll('[data-action="version"]:enabled')];
  (buttons.find(({ ariaLabel }) => ariaLabel === button.ariaLabel) ?? buttons[0])?.focus({ preventScroll: true });
  page.announce(article.querySelector(".message-versions fieldset").ariaLabel);
}

/** In every tab. False if it was refused. */
async function moveHead(page, id) {
  const { problem } = await request(`${page.address}head/`, { message_id: id });
  if (problem) page.say(problem);
  return !problem;
}

/** The article of a message with versions, when it is there; null if it does not come. */
function appears(list, id) {
  const find = () => {
    const article = list.querySelector(`article[data-message-id="${CSS.escape(id)}"]`);
    return article?.querySelector(".message-versions") && article;
  };
  return new Promise((resolve) => {
    const done = (article) => {
      observer.disconnect();
      window.clearTimeout(timer);
      resolve(article);
    };
    const look = () => find() && done(find());
    const observer = new MutationObserver(look);
    const timer = window.setTimeout(() => done(null), APPEARS_MS);
    observer.observe(list, { childList: true, subtree: true });
    look();
  });
}

async function branch(page, id) {
  const { problem, thread_id: branched } = await request(`${page.address}branch/`, { message_id: id });
  if (problem) page.say(problem);
  else if (!page.signal.aborted) window.location.assign(`/chat/${branched}/`);
}
