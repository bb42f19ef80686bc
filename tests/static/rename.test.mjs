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

  it("shows the server's reason for a refusal", async () => {
    const send = async () => answer(422, '{"code": "empty", "message": "Enter a title."}');
    assert.deepEqual(await saveTitle("/", "", send), { problem: "Enter a title." });
  });

  it("shows a connection error without a response, or with one that isn't the site's", async () => {
    const failing = [async () => { throw new TypeError("Failed to fetch"); }, async () => answer(502, "<html>"), async () => answer(502, "{}")];
    for (const send of failing) assert.match((await saveTitle("/", "x", send)).problem, /not saved.*Try again/);
  });
});
