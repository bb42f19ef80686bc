import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { nextMidnight, spanOf } from "../../static/src/chat/days.js";

const system = process.env.TZ;

afterEach(() => {
  if (system === undefined) delete process.env.TZ;
  else process.env.TZ = system;
});

/** The names of the spans of these times, by the clock of a zone. */
function namesIn(zone, now, ...times) {
  process.env.TZ = zone;
  return times.map((time) => spanOf(Date.parse(time), new Date(now)).name);
}

test("a day ends at midnight of the reader's time zone", () => {
  const times = ["2026-11-30T00:00Z", "2026-11-29T23:59Z", "2026-11-29T00:00Z", "2026-11-28T23:59Z"];
  assert.deepEqual(namesIn("UTC", "2026-11-30T12:00Z", ...times), ["Today", "Yesterday", "Yesterday", "Previous 7 days"]);
  assert.deepEqual(namesIn("Asia/Tokyo", "2026-11-30T12:00Z", ...times), ["Today", "Today", "Yesterday", "Yesterday"]);
  assert.deepEqual(namesIn("America/Los_Angeles", "2026-11-30T12:00Z", ...times), ["Yesterday", "Yesterday", "Previous 7 days", "Previous 7 days"]);
  assert.deepEqual(namesIn("Asia/Kathmandu", "2026-11-30T12:00Z", "2026-11-29T18:15Z", "2026-11-29T18:14Z"), ["Today", "Yesterday"]);
});

test("at midnight, today becomes yesterday", () => {
  const time = "2026-11-30T20:00Z";
  assert.deepEqual(namesIn("UTC", "2026-11-30T23:59:59.999Z", time), ["Today"]);
  assert.deepEqual(namesIn("UTC", "2026-12-01T00:00Z", time), ["Yesterday"]);
});

test("weeks and months follow, with the year if it is another one", () => {
  const times = ["2026-03-08T00:00Z", "2026-03-07T23:59Z", "2026-02-13T00:00Z", "2026-02-12T23:59Z", "2026-01-31T12:00Z", "2025-12-31T23:59Z", "2024-12-01T00:00Z"];
  const names = ["Previous 7 days", "Previous 30 days", "Previous 30 days", "February", "January", "December 2025", "December 2024"];
  assert.deepEqual(namesIn("UTC", "2026-03-15T12:00Z", ...times), names);
});

test("a time ahead of the reader's clock is today", () => {
  assert.deepEqual(namesIn("UTC", "2026-11-30T23:50Z", "2026-12-01T00:10Z"), ["Today"]);
});

test("a month's span begins with it, so that the spans can be ordered", () => {
  process.env.TZ = "Europe/Berlin";
  const now = new Date("2026-11-30T12:00Z");
  const days = ["2026-11-30T10:00Z", "2026-11-29T10:00Z", "2026-11-25T10:00Z", "2026-11-10T10:00Z", "2026-10-30T10:00Z", "2026-10-02T10:00Z", "2026-09-30T10:00Z"];
  const froms = days.map((day) => spanOf(Date.parse(day), now).from);
  assert.deepEqual([...new Set(froms)].toSorted((one, other) => other - one), [...new Set(froms)]);
  assert.equal(froms[4], froms[5]);
  assert.equal(new Date(froms.at(-1)).toISOString(), "2026-08-31T22:00:00.000Z");
});

test("days with a change of the clocks have 23 or 25 hours", () => {
  const night = ["2026-03-28T22:59Z", "2026-03-28T23:00Z"]; // the clocks go forward on 29 March
  assert.deepEqual(namesIn("Europe/Berlin", "2026-03-29T21:59Z", ...night), ["Yesterday", "Today"]);
  assert.equal(nextMidnight(new Date("2026-03-28T23:00Z")) - Date.parse("2026-03-28T23:00Z"), 23 * 3_600_000);
  const back = ["2026-10-24T21:59Z", "2026-10-24T22:00Z"];
  assert.deepEqual(namesIn("Europe/Berlin", "2026-10-25T22:59Z", ...back), ["Yesterday", "Today"]);
  assert.equal(nextMidnight(new Date("2026-10-24T22:00Z")) - Date.parse("2026-10-24T22:00Z"), 25 * 3_600_000);
});

test("where the clocks go forward at midnight, the day begins at one o'clock", () => {
  const night = ["2026-04-23T21:59Z", "2026-04-23T22:00Z"]; // Cairo skips 0:00 to 1:00 on 24 April
  assert.deepEqual(namesIn("Africa/Cairo", "2026-04-24T12:00Z", ...night), ["Yesterday", "Today"]);
  assert.equal(nextMidnight(new Date("2026-04-23T12:00Z")), Date.parse("2026-04-23T22:00Z"));
});
