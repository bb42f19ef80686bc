/** The days by which the list of chats is divided, in the reader's time zone. */

const SPANS = [["Today", 0], ["Yesterday", 1], ["Previous 7 days", 7], ["Previous 30 days", 30]];
const MONTH = new Intl.DateTimeFormat("en", { month: "long" });

/** What a time, in milliseconds, belongs to: a name, and when it begins. */
export function spanOf(time, now) {
  for (const [name, days] of SPANS) {
    const from = midnight(now, -days);
    if (time >= from) return { name, from };
  }
  const date = new Date(time);
  const year = date.getFullYear();
  const name = MONTH.format(date) + (year === now.getFullYear() ? "" : ` ${year}`);
  return { name, from: new Date(year, date.getMonth()).getTime() };
}

/** When the spans are others. */
export function nextMidnight(now) {
  return midnight(now, 1);
}

/** Not a multiple of 24 hours: a day with a change of the clocks has 23 or 25. */
function midnight(now, days) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days).getTime();
}
