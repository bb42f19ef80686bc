/** Asks for another answer, or for the rest of one. It arrives over the socket; the old answer stays. */

const NOT_CONNECTED = "Not connected. Try again.";

/** "" when the server accepted, otherwise the sentence to show. `continues` asks the model to continue the answer. */
export async function regenerate(threadId, messageId, continues, send = window.fetch) {
  const body = new URLSearchParams({ message_id: messageId, ...(continues ? { go_on: "1" } : {}) });
  try {
    const response = await send(`/chat/${threadId}/again/`, { method: "POST", headers: { Accept: "application/json" }, body });
    return response.ok ? "" : ((await response.json()).message ?? NOT_CONNECTED);
  } catch {
    return NOT_CONNECTED;
  }
}
