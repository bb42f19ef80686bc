/**
 * Runs while the page is read, before its first paint, or the list of chats would jump: the list is divided, and stays where it was,
 * with the current chat in view. The other scripts come later and take these functions from here, so that they are loaded once.
 */
import { nextMidnight } from "./days.js";
import { readPlace, showCurrent, storePlace } from "./list_place.js";
import { divide, dropEmpty, listFor } from "./thread_groups.js";

globalThis.firstPaint = { divide, dropEmpty, listFor, nextMidnight, readPlace, showCurrent, storePlace };

const scroller = document.getElementById("thread-scroll");
divide(document.getElementById("thread-list"));
scroller.scrollTop = readPlace().top ?? 0;
showCurrent(scroller);
