/** Deleting a version of a message, with what is below it: a dialog says how much that is. */
import { BUTTON, element } from "./elements.js";
import { request } from "./requests.js";

/** `page`: what versions.js needs of thread.js. */
export async function askToDelete(page, { id, role }) {
  const address = `${page.address}messages/${id}/delete/`;
  const { problem, count } = await request(address);
  if (page.signal.aborted) return;
  if (problem) return page.say(problem);
  const dialog = blank(titleOf(count, role), count > 1 ? BELOW : ALONE);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("submit", (event) => event.submitter.value === "delete" && remove(page, event, dialog, { address, count }));
  document.body.append(dialog);
  dialog.showModal();
}

// The same words as in delete_message.html.
const ALONE = "It will be permanently deleted on all your devices.";
const BELOW = "This message and everything below it, in every version, will be permanently deleted on all your devices.";

function titleOf(count, role) {
  return count === 1 ? `Delete this ${role === "assistant" ? "answer" : "message"}?` : `Delete ${count.toLocaleString("en")} messages?`;
}

function blank(title, words) {
  const look = "m-auto w-[calc(100%-2rem)] max-w-md rounded-lg border border-default bg-neutral-primary-medium p-5 text-body shadow-lg backdrop:bg-black/45";
  const button = (name, value, colors, more = {}) => element("button", { value, class: `${BUTTON} ${colors}`, ...more }, name);
  return element(
    "dialog",
    { class: look, "aria-labelledby": "delete-title" },
    element("h2", { id: "delete-title", class: "text-lg font-semibold text-heading" }, title),
    element("p", { class: "mt-2" }, words),
    element(
      "form",
      { method: "dialog", class: "mt-5 flex flex-wrap justify-end gap-3" },
      button("Cancel", "", "border-default bg-neutral-primary-soft text-heading hover:bg-neutral-tertiary", { autofocus: "" }),
      button("Delete", "delete", "border-transparent bg-danger text-white hover:bg-danger-strong"),
    ),
  );
}

async function remove(page, event, dialog, { address, count }) {
  event.preventDefault();
  const { problem } = await request(address, {});
  dialog.close();
  if (problem) page.say(problem);
  else if (page.leaveDetached()) return;
  else page.announce(count === 1 ? "1 message deleted" : `${count.toLocaleString("en")} messages deleted`);
}
