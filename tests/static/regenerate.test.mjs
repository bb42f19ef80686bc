import assert from "node:assert/strict";
import { test } from "node:test";
import { regenerate } from "../../static/src/chat/regenerate.js";

const answering = (status, body, seen = []) => async (...asked) => (seen.push(asked), new Response(JSON.stringify(body), { status }));

test("another answer is requested by the answer's id", async () => {
  const seen = [];
  assert.equal(await regenerate("t1", "m1", false, answering(201, {}, seen)), "");
  assert.equal(await regenerate("t1", "m1", true, answering(201, {}, seen)), "");
  assert.deepEqual(seen.map(([address]) => address), ["/chat/t1/again/", "/chat/t1/again/"]);
  assert.deepEqual(seen.map(([, { body }]) => String(body)), ["message_id=m1", "message_id=m1&go_on=1"]);
});

test("a refusal is shown in the server's words", async () => {
  assert.equal(await regenerate("t1", "m1", false, answering(409, { message: "An answer is being written." })), "An answer is being written.");
});

test("without a connection or with an invalid response, the error is shown", async () => {
  const offline = async () => {
    throw new TypeError("Failed to fetch");
  };
  const nonsense = async () => new Response("<html>", { status: 502 });
  for (const send of [offline, nonsense]) assert.match(await regenerate("t1", "m1", false, send), /Not connected/);
});
