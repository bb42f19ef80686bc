/** A tool's input and result are laid out for reading, and say exactly what the model and the tool said. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { readable } from "../../static/src/chat/tools.js";

describe("JSON", () => {
  it("has one value per line", () => {
    assert.equal(readable('{"a":[1,"x, y"],"b":{},"c":[],"d":null}'), `{
  "a": [
    1,
    "x, y"
  ],
  "b": {},
  "c": [],
  "d": null
}`);
  });

  it("keeps every character of its values", () => {
    const texts = ['{"id": 12345678901234567890}', '{"a": 1.0, "a": 2e400}', '["\\u00e9\\n{\\"}", "שלום: [1, 2]"]', '[[[]]]'];
    const bare = (text) => text.replace(/\s+/g, "");
    for (const text of texts) assert.equal(bare(readable(text)), bare(text));
    assert.equal(readable('["two  spaces:  {"]'), '[\n  "two  spaces:  {"\n]');
  });

  it("is left alone where it is a plain value, broken, or cut", () => {
    for (const text of ["", "84", '"text"', "null", "It did not finish.", '{"a": "cu', "{a: 1}"]) assert.equal(readable(text), text);
  });

  it("does not grow with its nesting", () => {
    const text = "[".repeat(1_000) + "]".repeat(1_000);
    assert.ok(readable(text).length < 100_000);
  });
});
