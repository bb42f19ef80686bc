/** The chat's page: what outlives a thread on it, and the thread that is open. */
import { Announcer } from "./announcer.js";
import { ChatList } from "./chat_list.js";
import { startCopyButtons } from "./decoration.js";
import { draftOf } from "./draft.js";
import { startKeyboard } from "./keyboard.js";
import { keepFromLeaving } from "./leaving.js";
import { ModelNotice } from "./model_notice.js";
import { startMoving } from "./moves.js";
import { startNewChat } from "./new_chat.js";
import { startCleanCopies } from "./selection.js";
import { Sidebar } from "./sidebar.js";
import { withStarters } from "./starters.js";
import { holdTab, tabId, tabStorage } from "./storage.js";
import { ThreadPage } from "./thread.js";
import { startViewport } from "./viewport.js";

const part = (id) => document.getElementById(id);

export function startChat(main) {
  const { threadId, userId, maxLength } = main.dataset;
  holdTab(tabId(tabStorage()));
  startViewport(part("chat-panel"));
  if (threadId) return new Chat(main).start();
  const composer = withStarters(startNewChat(part("composer"), { limit: Number(maxLength), draft: draftOf(userId, "") }));
  startKeyboard({ focusField: () => composer.focus() });
  new ChatList(composer).start();
}

class Chat {
  main;
  shared;
  page;

  constructor(main) {
    const announcer = new Announcer(part("chat-announcer"));
    const announce = (text) => announcer.say(text);
    this.main = main;
    this.shared = { announce, sidebar: new Sidebar({ announce }), modelNotice: new ModelNotice(part("model-notice"), announce) };
    this.reopen();
  }

  /** Another thread, whose id the page has by now, on the same page. */
  reopen() {
    this.page = new ThreadPage(this.main, this.shared);
    return this.page;
  }

  start() {
    this.page.start();
    startCopyButtons(this.main, this.shared.announce);
    startCleanCopies(part("chat-messages"));
    window.addEventListener("pagehide", () => this.page.keepPlace());
    keepFromLeaving(() => this.page.wouldLose);
    this.main.addEventListener("click", (event) => this.page.clicked(event));
    startKeyboard({ focusField: () => this.page.focusField(), stop: () => this.page.stopRunning() });
    startMoving(this);
  }
}
