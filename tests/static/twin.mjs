/** Reads histories of frames from stdin and prints what the page's store knows at the end of each; see test_twins.py. */
import { readFileSync } from "node:fs";

import { page, play, statusOf, textOf } from "./story.mjs";

const ends = JSON.parse(readFileSync(0, "utf8")).map((frames) => {
  const { state, syncs } = play(page(), ...frames);
  return [textOf(state) ?? "", statusOf(state) ?? "", state.cursor, syncs];
});
process.stdout.write(JSON.stringify(ends));
