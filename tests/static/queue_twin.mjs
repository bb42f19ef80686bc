/** Reads histories of frames from stdin and prints the queue that the page's store has at the end of each; see test_twins.py. */
import { readFileSync } from "node:fs";

import { page, play } from "./story.mjs";

const ends = JSON.parse(readFileSync(0, "utf8")).map((frames) => {
  const { state, syncs } = play(page(), ...frames);
  return [state.queue, state.rev, state.cursor, syncs];
});
process.stdout.write(JSON.stringify(ends));
