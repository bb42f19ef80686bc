import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Draft } from "../../static/src/chat/draft.js";
import { Storage } from "../../static/src/chat/storage.js";
import { memory } from "./memory.mjs";

/** The tabs of one browser: some are open. */
class Browser {
  shared = new Storage(() => memory());
  open = new Set();

  tab(id, { user = "u", thread = "new", tab = new Storage(() => memory()) } = {}) {
    this.open.add(id);
    const openTabs = async () => (other) => this.open.has(other);
    return new Draft(`draft:${user}:${thread}:`, id, { tab, shared: this.shared, openTabs });
  }
}

describe("a draft", () => {
  it("is kept over a reload, exactly as it was typed", () => {
    const tab = new Storage(() => memory());
    new Browser().tab("1", { tab }).write("\n  if x:\n");
    assert.equal(new Browser().tab("1", { tab }).read(), "\n  if x:\n");
  });

  it("moves from a closed tab to the next one, the newest first", async (test) => {
    test.mock.timers.enable({ apis: ["Date"] });
    const browser = new Browser();
    for (const id of ["1", "2"]) {
      test.mock.timers.tick(1);
      browser.tab(id).write(`text ${id}`);
      browser.open.delete(id);
    }
    const found = [];
    for (const id of ["3", "4", "5"]) found.push(await browser.tab(id).inherited());
    assert.deepEqual(found, ["text 2", "text 1", ""]);
  });

  it("stays with a tab that is open, with another chat and with another user", async () => {
    const browser = new Browser();
    browser.tab("1").write("open");
    browser.tab("2", { thread: "t" }).write("another chat");
    browser.tab("3", { user: "bob" }).write("another user");
    browser.open.delete("2");
    browser.open.delete("3");
    assert.equal(await browser.tab("4").inherited(), "");
  });

  it("does not come back after its message was stored", async () => {
    const browser = new Browser();
    const draft = browser.tab("1");
    draft.write("sent");
    draft.clear();
    browser.open.delete("1");
    assert.equal(await browser.tab("2").inherited(), "");
    assert.deepEqual(browser.shared.keys(""), []);
  });

  it("is not kept longer than a login can last", (test) => {
    test.mock.timers.enable({ apis: ["Date"] });
    const browser = new Browser();
    browser.tab("1").write("old");
    test.mock.timers.tick(20 * 86_400_000);
    browser.tab("2").write("newer");
    test.mock.timers.tick(11 * 86_400_000);
    browser.tab("3").forgetOld();
    assert.deepEqual(browser.shared.keys("draft:"), ["draft:u:new:2"]);
  });

  it("says when no storage takes it", () => {
    const nowhere = new Storage(() => { throw new Error("private"); });
    const draft = new Draft("draft:u:new:", "1", { tab: nowhere, shared: nowhere, openTabs: async () => () => false });
    assert.equal(draft.isKept, true);
    draft.write("text");
    assert.equal(draft.isKept, false);
    draft.write("");
    assert.equal(draft.isKept, true);
  });
});

describe("the client_id of a text", () => {
  it("stays the same until the text changes, also over a reload and in the tab that inherits the text", async () => {
    const browser = new Browser();
    const tab = new Storage(() => memory());
    const draft = browser.tab("1", { tab });
    const id = draft.clientIdOf("one");
    assert.equal(draft.clientIdOf("one"), id);
    assert.equal(browser.tab("1", { tab }).clientIdOf("one"), id);
    browser.open.delete("1");
    const heir = browser.tab("2");
    assert.equal(await heir.inherited(), "one");
    assert.equal(heir.clientIdOf("one"), id);
    assert.notEqual(heir.clientIdOf("two"), id);
  });

  it("is another one for the same text sent again after it was stored", () => {
    const draft = new Browser().tab("1");
    const id = draft.clientIdOf("yes");
    draft.clear();
    assert.notEqual(draft.clientIdOf("yes"), id);
  });

  it("tells that the server has stored the text after all", () => {
    const draft = new Browser().tab("1");
    draft.remember("text", "c1");
    assert.equal(draft.isAmong([{ client_id: "c2" }]), false);
    assert.equal(draft.isAmong([{ client_id: "c1" }]), true);
    draft.write("text, changed");
    assert.equal(draft.isAmong([{ client_id: "c1" }]), false);
  });
});
