import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { saveTitle } from "../../static/src/chat/rename.js";

function answer(status, body) {
  return { ok: status < 400, json: async () => JSON.parse(body) };
}

describe("saving a title", () => {
  it("posts it as a form and takes what is stored", async () => {
    const sent = [];
    const send = async (...request) => {
      sent.push(request);
      return answer(200, '{"thread_id": "t", "title": "Eggs & bacon"}');
    };
    assert.deepEqual(await saveTitle("/chat/t/title/", " Eggs &  bacon", send), { title: "Eggs & bacon" });
    const [[address, { method, headers, body }]] = sent;
    assert.deepEqual([address, method, headers.Accept], ["/chat/t/title/", "POST", "application/json"]);
    assert.equal(body.get("title"), " Eggs &  bacon");
  });

  it("says why it was refused, in the server's words", async () => {
    const send = async () => answer(422, '{"code": "empty", "message": "Enter a title."}');
    assert.deepEqual(await saveTitle("/", "", send), { problem: "Enter a title." });
  });

  it("says that there is no connection when no answer comes, or one that is not the site's", async () => {
    const failing = [async () => { throw new TypeError("Failed to fetch"); }, async () => answer(502, "<html>"), async () => answer(502, "{}")];
    for (const send of failing) assert.match((await saveTitle("/", "x", send)).problem, /not saved.*Try again/);
  });
});
