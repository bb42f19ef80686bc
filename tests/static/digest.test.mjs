import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "node:test";

import { sha8 } from "../../static/src/chat/digest.js";

it("gives the first eight digits of the SHA-256 for every length around the block borders", () => {
  for (let length = 0; length <= 260; length += 1) {
    const text = "aé😀\n".repeat(length).slice(0, length).toWellFormed();
    assert.equal(sha8(text), createHash("sha256").update(text, "utf8").digest("hex").slice(0, 8), `length ${length}`);
  }
});

it("gives eight hex digits", () => {
  assert.equal(sha8(""), "e3b0c442");
});
