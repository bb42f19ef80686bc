/** Another attempt at an answer: a new one comes over the socket, and the one that is there stays. */

const NOT_ASKED = "That did not get through: there is no connection. Try again.";

/** Asks for it; with `goOn` the model continues the answer. A sentence where that was refused, else nothing. */
export async function askAgain(threadId, messageId, goOn, send = window.fetch) {
  const body = new URLSearchParams({ message_id: messageId, ...(goOn ? { go_on: "1" } : {}) });
  try {
    const answer = await send(`/chat/${threadId}/again/`, { method: "POST", headers: { Accept: "application/json" }, body });
    return answer.ok ? "" : ((await answer.json()).message ?? NOT_ASKED);
  } catch {
    return NOT_ASKED;
  }
}
