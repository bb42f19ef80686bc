import assert from "node:assert/strict";
import { test } from "node:test";
import { request } from "../../static/src/chat/requests.js";

const answering = (status, body, seen = []) => async (...asked) => (seen.push(asked), new Response(JSON.stringify(body), { status }));

test("fields are posted, and without fields the page is read", async () => {
  const seen = [];
  assert.deepEqual(await request("/chat/t1/again/", { message_id: "m1" }, answering(201, { reply_id: "m2" }, seen)), { reply_id: "m2" });
  assert.deepEqual(await request("/chat/t1/", null, answering(200, {}, seen)), {});
  assert.deepEqual(seen.map(([address, { method }]) => [address, method]), [["/chat/t1/again/", "POST"], ["/chat/t1/", undefined]]);
  assert.equal(String(seen[0][1].body), "message_id=m1");
});

test("an empty response is no problem", async () => {
  assert.deepEqual(await request("/x/", {}, async () => new Response(null, { status: 204 })), {});
});

test("a refusal is shown in the server's words", async () => {
  assert.deepEqual(await request("/x/", {}, answering(409, { message: "Wait." })), { problem: "Wait." });
});

test("a server that is full says when it is asked again", async () => {
  const full = answering(503, { code: "overloaded", message: "The site is busy.", retry_ms: 2000 });
  assert.deepEqual(await request("/x/", {}, full), { problem: "The site is busy.", retryMs: 2000 });
});

test("without a connection or with an invalid response, the error is shown", async () => {
  const offline = async () => {
    throw new TypeError("Failed to fetch");
  };
  const nonsense = async () => new Response("<html>", { status: 502 });
  for (const send of [offline, nonsense]) assert.match((await request("/x/", {}, send)).problem, /Not connected/);
});
