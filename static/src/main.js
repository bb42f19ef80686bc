/** Starts the scripts of the page. */
import { startChat } from "./chat/thread.js";
import { startCopying } from "./copy.js";
import { startCountdowns } from "./countdown.js";
import { startForms } from "./forms.js";
import { startMenus } from "./menu.js";
import { startPasswordRules } from "./passwords.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";

const root = document.documentElement;
root.classList.add("js"); // the page may have given up waiting for this script

startTheme();
startForms();
startPasswordRules();
startCountdowns();
startCopying();
startMenus();
startTimes();

const chat = document.getElementById("chat");
if (chat) startChat(chat);
root.dataset.started = "";
