/** Reads histories of frames from stdin and prints what the page's store knows at the end of each; see test_twins.py. */
import { readFileSync } from "node:fs";

import { ANSWER, page, play, statusOf, textOf } from "./story.mjs";

const ends = JSON.parse(readFileSync(0, "utf8")).map((frames) => {
  const { state, syncs } = play(page(), ...frames);
  const { reasoning = "", reasoning_ms = null, thinking = false } = state.messages.find(({ id }) => id === ANSWER) ?? {};
  return [textOf(state) ?? "", statusOf(state) ?? "", state.cursor, syncs, reasoning, reasoning_ms, thinking];
});
process.stdout.write(JSON.stringify(ends));
