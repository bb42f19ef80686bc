/** Requests about a chat, other than its messages, which go over the socket. */

const NOT_CONNECTED = "Not connected. Try again.";

/** The response, or `{problem}`, a sentence. */
export async function request(address, fields, send = window.fetch) {
  try {
    const post = fields && { method: "POST", body: new URLSearchParams(fields) };
    const response = await send(address, { headers: { Accept: "application/json" }, ...post });
    const answer = response.status === 204 ? {} : await response.json();
    return response.ok ? answer : { problem: answer.message ?? NOT_CONNECTED };
  } catch {
    return { problem: NOT_CONNECTED };
  }
}
