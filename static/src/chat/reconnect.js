/** When to reconnect after a lost connection, and when not to. Pure. */

const SHORTEST_MS = 500;
const LONGEST_MS = 30_000;
const FIRST_MS = 1_000;
const OVERLOAD_MS = 5_000;
const STABLE_MS = 60_000;
const RESTART_MS = 60_000; // from a bye until this server or another one is certainly back
const LONGEST_IN_RESTART_MS = 5_000;

export function phaseAfter(failures) {
  return failures > 0 ? "reconnecting" : "connecting";
}

/** Full jitter: after a restart a thousand tabs must not reconnect in the same second. */
export function delayMs(failures, random = Math.random, longest = LONGEST_MS) {
  if (failures === 0) return random() * FIRST_MS;
  return random() * Math.min(longest, SHORTEST_MS * 2 ** failures);
}

/**
 * The delay after a close: what the server asks for (close code, or the `retry_ms` of its `bye`), or backoff.
 * `sinceByeMs`: a restart ends soon, and until then handshakes are refused, so the wait does not grow as in an outage.
 */
export function delayAfterClose({ code, failures, retryMs, sinceByeMs = Infinity }, random = Math.random) {
  if (code === 1013) return Math.max(OVERLOAD_MS, retryMs ?? 0) + random() * OVERLOAD_MS;
  if (retryMs !== undefined) return random() * Math.max(retryMs, FIRST_MS);
  return delayMs(failures, random, sinceByeMs < RESTART_MS ? LONGEST_IN_RESTART_MS : LONGEST_MS);
}

/** A connection that lasted a minute resets the count; a shorter one counts as a failure, or a flapping server is flooded. */
export function failuresAfter(failures, upMs) {
  return upMs >= STABLE_MS ? 0 : failures + 1;
}

const ENDINGS = new Map([
  [4501, { action: "login", text: "Your session has ended. Log in to continue." }],
  [4503, { action: "stay", text: "This chat is not available." }],
  [4504, { action: "reload", text: "This account has too many open tabs. Close some, then reload the page." }],
  [4505, { action: "stay", text: "This chat was deleted." }],
  [4506, { action: "reload", text: "A new version is available. Reload the page to continue." }],
]);

/** What a close code of 4500–4999 ("don't reconnect") means for the reader; null for all others. */
export function endingOf(code) {
  if (code < 4500 || code > 4999) return null;
  return ENDINGS.get(code) ?? { action: "reload", text: "Live updates stopped. Reload the page to continue." };
}
