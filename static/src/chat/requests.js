/** Requests about a chat, other than its messages, which go over the socket. */

const NOT_CONNECTED = "Not connected. Try again.";

/** The response, or `{problem}`, a sentence; with `retryMs` if the server is full and has room later. */
export async function request(address, fields, send = window.fetch) {
  try {
    const post = fields && { method: "POST", body: new URLSearchParams(fields) };
    const response = await send(address, { headers: { Accept: "application/json" }, ...post });
    const answer = response.status === 204 ? {} : await response.json();
    if (response.ok) return answer;
    const problem = answer.message ?? NOT_CONNECTED;
    return answer.code === "overloaded" ? { problem, retryMs: answer.retry_ms } : { problem };
  } catch {
    return { problem: NOT_CONNECTED };
  }
}
