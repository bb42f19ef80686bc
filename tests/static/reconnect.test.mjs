import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { delayAfterClose, delayMs, endingOf, failuresAfter, phaseAfter } from "../../static/src/chat/reconnect.js";

const highest = () => 1;
const lowest = () => 0;

describe("the delay before coming back", () => {
  it("is anywhere between nothing and a limit that doubles up to half a minute", () => {
    const limits = [0, 1, 2, 3, 4, 5, 6, 7, 20].map((failures) => delayMs(failures, highest));
    assert.deepEqual(limits, [1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    assert.equal(delayMs(9, lowest), 0);
  });

  it("is at least five seconds when the server is overloaded", () => {
    assert.equal(delayAfterClose({ code: 1013, failures: 0 }, lowest), 5_000);
  });

  it("is spread over the time that the server asked for in its bye", () => {
    assert.equal(delayAfterClose({ code: 1012, failures: 4, retryMs: 3_000 }, highest), 3_000);
  });

  it("stays short for a minute after a bye, however often a handshake is refused", () => {
    const limits = [0, 1, 2, 3, 4, 9].map((failures) => delayAfterClose({ code: 1006, failures, sinceByeMs: 59_999 }, highest));
    assert.deepEqual(limits, [1_000, 1_000, 2_000, 4_000, 5_000, 5_000]);
    assert.equal(delayAfterClose({ code: 1006, failures: 9, sinceByeMs: 60_000 }, highest), 30_000);
    assert.equal(delayAfterClose({ code: 1013, failures: 0, sinceByeMs: 0 }, lowest), 5_000);
  });
});

describe("a failure", () => {
  it("is forgotten after a connection that held for a minute, and not before", () => {
    assert.equal(failuresAfter(4, 59_999), 5);
    assert.equal(failuresAfter(4, 60_000), 0);
  });

  it("turns connecting into reconnecting", () => {
    assert.deepEqual([0, 1, 4, 9].map(phaseAfter), ["connecting", "reconnecting", "reconnecting", "reconnecting"]);
  });
});

describe("a close code", () => {
  it("of 4500 to 4999 means: don't reconnect", () => {
    assert.equal(endingOf(4501).action, "login");
    assert.equal(endingOf(4503).action, "stay");
    assert.equal(endingOf(4505).action, "stay");
    assert.equal(endingOf(4506).action, "reload");
    assert.equal(endingOf(4999).action, "reload");
  });

  it("of any other kind means: reconnect", () => {
    for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 1013, 4000, 4004, 4499, 5000]) assert.equal(endingOf(code), null);
  });
});
