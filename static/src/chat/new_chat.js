/** The page of a new chat: its first message is a request, whose response leads to the chat's own page. */
import { Composer } from "./composer.js";
import { FirstMessage } from "./first_message.js";
import { goToLogin, keepFromLeaving } from "./leaving.js";

const ADDRESS = "/chat/";
const ENDED = "Your session has ended. Log in, then send your message.";

/** Returns the composer. */
export function startNewChat(form, settings) {
  const stay = (sentence) => {
    composer.sending(false);
    composer.say(sentence);
  };
  const later = (sentence) => {
    stay(sentence);
    composer.canCancel(Boolean(sentence));
  };
  const first = new FirstMessage({
    onLater: later,
    onRefused: stay,
    onStored: (threadId) => {
      settings.draft.clear();
      window.location.assign(`${ADDRESS}${threadId}/`);
    },
    onLogin: () => {
      stay(ENDED);
      goToLogin(ADDRESS);
    },
  });
  const composer = new Composer(form, {
    ...settings,
    keepsText: true,
    onEdit: () => first.cancel() && composer.say(""),
    onCancel: () => {
      first.cancel();
      composer.say("");
      composer.focus();
    },
    onSend: (content, clientId, model) => {
      composer.sending(true);
      first.send({ content, client_id: clientId, model });
    },
  });
  window.addEventListener("online", () => first.hurry());
  // The browser's Back button shows this page again, with the text that was sent.
  window.addEventListener("pageshow", ({ persisted }) => persisted && window.location.reload());
  keepFromLeaving(() => composer.wouldLose);
  return composer;
}
