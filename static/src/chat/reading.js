/** Takes the focus to messages and to the list of chats, so that keyboard and screen reader read on from there. */

const part = (id) => document.getElementById(id);

export function toAnswer() {
  focusMessage([...part("chat-messages").querySelectorAll('article[data-role="assistant"]')].at(-1));
}

/** From the message that has the focus to the one before; from elsewhere to the last one. */
export function toPrevious() {
  const here = document.activeElement.closest("article");
  focusMessage(here ? (here.previousElementSibling ?? here) : part("chat-messages").lastElementChild);
}

/** To the current chat; from the list back to where `leave` leads. On a narrow screen the list opens and closes. */
export function toChats(leave) {
  const sidebar = part("chat-sidebar");
  if (sidebar.contains(document.activeElement)) {
    if (sidebar.matches(":popover-open")) sidebar.hidePopover();
    return leave();
  }
  if (!sidebar.checkVisibility()) sidebar.showPopover();
  (sidebar.querySelector('#thread-list [tabindex="0"]') ?? part("new-chat")).focus();
}

/** Long messages are read from their beginning. */
function focusMessage(article) {
  const scroller = part("chat-scroll");
  if (!article) return scroller.focus();
  article.tabIndex = -1;
  article.focus({ preventScroll: true });
  const isLong = article.offsetHeight > scroller.clientHeight;
  article.scrollIntoView({ block: isLong ? "start" : "nearest" });
}
