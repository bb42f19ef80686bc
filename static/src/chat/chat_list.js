/** The list of chats on the page of a new chat, which has no thread: its socket carries what concerns all of a user's tabs. */
import { followTheme } from "../theme.js";
import { Announcer } from "./announcer.js";
import { Connection } from "./connection.js";
import { goToLogin } from "./leaving.js";
import { ModelNotice } from "./model_notice.js";
import { Sidebar } from "./sidebar.js";

export class ChatList {
  #sidebar;
  #connection;
  #modelNotice;
  #frames;

  constructor(composer) {
    const announcer = new Announcer(document.getElementById("chat-announcer"));
    this.#sidebar = new Sidebar({ announce: (text) => announcer.say(text) });
    this.#modelNotice = new ModelNotice(document.getElementById("model-notice"), (text) => announcer.say(text));
    this.#connection = new Connection("/ws/chat/", this.#forConnection());
    this.#frames = {
      "thread.list": (frame) => this.#sidebar.renew(frame),
      "thread.updated": (frame) => this.#sidebar.update(frame),
      "thread.deleted": (frame) => this.#sidebar.remove(frame),
      "models.unavailable": (frame) => this.#modelNotice.show(frame.message),
      "theme.changed": (frame) => followTheme(frame.theme),
      "enter_key.changed": (frame) => composer.chooseEnterKey(frame.enter_key),
    };
  }

  start() {
    this.#connection.followPage();
    this.#connection.open();
  }

  /** Nothing is lost while the socket is down, so the page says nothing about it. */
  #forConnection() {
    return {
      position: () => ({ cursor: "", rev: 0 }),
      pending: () => [],
      isWaiting: () => false,
      onFrame: (frame) => this.#frames[frame.type]?.(frame),
      onStatus: ({ phase }) => phase === "connected" && this.#modelNotice.doubt(),
      onDoubt: () => {},
      // The session has ended or the account was deleted. Anything else can wait for the next page.
      onEnd: ({ action }) => action !== "reload" && goToLogin("/chat/"),
    };
  }
}
