/** Reads histories of frames from stdin and prints which messages the page's store shows at the end of each; see test_path_twins.py. */
import { readFileSync } from "node:fs";

import { page, play } from "./story.mjs";

const ends = JSON.parse(readFileSync(0, "utf8")).map(({ begin: { messages, ...more }, frames }) => {
  const { state, syncs } = play(page(messages, more), ...frames);
  return [state.messages.map(({ id, status }) => [id, status]), state.elsewhere, state.rev, syncs];
});
process.stdout.write(JSON.stringify(ends));
