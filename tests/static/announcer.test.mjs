import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Announcer } from "../../static/src/chat/announcer.js";
import { clock } from "./story.mjs";

/** A region whose texts are kept with their times, and a clock that the test moves. */
function story() {
  const it = Object.assign(clock(), { heard: [] });
  const region = { set textContent(text) { it.heard.push([it.now, text]); } };
  it.announcer = new Announcer(region, { setTimeout: it.setTimeout });
  return it;
}

describe("the announcer", () => {
  it("announces at once and clears the region, so that an equal message is announced again", () => {
    const page = story();
    page.announcer.say("Answer finished");
    page.pass(5_000);
    page.announcer.say("Answer finished");
    page.pass(5_000);
    assert.deepEqual(page.heard, [[0, "Answer finished"], [1_000, ""], [5_000, "Answer finished"], [6_000, ""]]);
  });

  it("keeps messages a second apart, and of several the last one wins", () => {
    const page = story();
    for (const text of ["Answering", "Thinking", "Thought for 1 s"]) page.announcer.say(text);
    page.pass(1_050);
    page.announcer.say("Answer finished");
    page.pass(5_000);
    assert.deepEqual(page.heard, [[0, "Answering"], [1_000, ""], [1_100, "Answer finished"], [2_100, ""]]);
  });

  it("announces an equal message again although it comes at once", () => {
    const page = story();
    page.announcer.say("Code copied");
    page.announcer.say("Code copied");
    page.pass(5_000);
    assert.deepEqual(page.heard.map(([, text]) => text), ["Code copied", "", "Code copied", ""]);
  });

  it("forgets what waits when there is nothing to say any more", () => {
    const page = story();
    page.announcer.say("Answering");
    page.announcer.say("Thinking");
    page.announcer.say("");
    page.pass(5_000);
    page.announcer.say("");
    page.pass(5_000);
    assert.deepEqual(page.heard.map(([, text]) => text), ["Answering", ""]);
  });
});
