/** Starts the scripts of the page. */
import { startChat } from "./chat/chat.js";
import { copyBy, selected } from "./copy.js";
import { startForms } from "./forms.js";
import { startMenus } from "./menu.js";
import { startTheme } from "./theme.js";

const root = document.documentElement;
root.classList.add("js"); // removed if the page gave up waiting for this script

startTheme();
startForms();
startMenus();
// Only pages outside the chat have these: a first load of the chat does without them.
if (document.querySelector("[data-copy], [data-print]")) (await import("./copy_buttons.js")).startCopying({ copyBy, selected });
if (document.querySelector("time[data-local]")) (await import("./times.js")).startTimes();
if (document.querySelector("[data-password-rules]")) (await import("./passwords.js")).startPasswordRules();
if (document.querySelector("form[data-wait-seconds]")) (await import("./countdown.js")).startCountdowns();
const results = document.getElementById("search-results");
if (results) (await import("./chat/search/results.js")).startResults(results);

const chat = document.getElementById("chat");
if (chat) {
  if (!globalThis.firstPaint) await import("./chat/first_paint.js"); // the page comes from a server of an older release
  startChat(chat);
}
root.dataset.started = "";
