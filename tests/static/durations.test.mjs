import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { durationOf, thoughtFor } from "../../static/src/chat/durations.js";

describe("a duration", () => {
  it("is in minutes and seconds, each only if there are any", () => {
    const found = [-1, 0, 999, 1_000, 12_999, 59_999, 60_000, 65_400, 3_600_000].map(durationOf);
    assert.deepEqual(found, ["", "", "", "1 s", "12 s", "59 s", "1 min", "1 min 5 s", "60 min"]);
  });

  it("under a second is a moment", () => {
    assert.equal(thoughtFor(0), "Thought for a moment");
    assert.equal(thoughtFor(12_000), "Thought for 12 s");
  });
});
