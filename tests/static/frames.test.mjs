/** Recorded frames, and what a tab must know at their end; see frames/README.md. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, it } from "node:test";

import { page, play, statusOf, textOf } from "./story.mjs";

const folder = new URL("./frames/", import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), "utf8");
const recordings = readdirSync(folder).filter((name) => name.endsWith(".jsonl")).map((name) => name.replace(".jsonl", ""));

describe("recorded frames", () => {
  for (const name of recordings) {
    it(`"${name}" end as expected`, () => {
      const frames = read(`${name}.jsonl`).trim().split("\n").map((line) => JSON.parse(line));
      const { message_id: id, ...expected } = JSON.parse(read(`${name}.expected.json`));
      const { state, syncs } = play(page(), ...frames);
      const found = { content: textOf(state, id), status: statusOf(state, id), cursor: state.cursor, syncs, wants_snapshot: state.wantSnapshot };
      assert.deepEqual(found, expected);
    });
  }
});
