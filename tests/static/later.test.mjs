import assert from "node:assert/strict";
import { it } from "node:test";
import { Later } from "../../static/src/chat/later.js";

it("a refused edit is in its draft before its editor is loaded, and the editor of a chat that was left stays closed", async () => {
  const leaving = new AbortController();
  const drafts = {};
  const opened = [];
  const page = {
    signal: leaving.signal,
    draftOf: (id) => ({ write: (text) => (drafts[id] = text) }),
    articleOf: (id) => opened.push(id),
  };
  const edited = new Later(page).edit({ id: "q1", content: "eggs" }, { text: "goose eggs", sentence: "Refused." });
  assert.deepEqual(drafts, { q1: "goose eggs" });
  leaving.abort();
  await edited;
  assert.deepEqual(opened, []);
});
