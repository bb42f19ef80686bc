/** How long something took, in the fewest words. templates/chat/_message.html has the same rules. */

const MINUTE = 60;

/** "12 s", "1 min 5 s", "2 min"; under a second nothing. */
export function durationOf(ms) {
  const total = Math.floor(Math.max(ms, 0) / 1_000);
  const minutes = Math.floor(total / MINUTE);
  const seconds = total % MINUTE;
  return [minutes && `${minutes} min`, seconds && `${seconds} s`].filter(Boolean).join(" ");
}

/** "Thought for 12 s" */
export function thoughtFor(ms) {
  return `Thought for ${durationOf(ms) || "a moment"}`;
}
