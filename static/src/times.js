/** Times by the reader's own clock. Without this the page says them in UTC. */

const FORMAT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});

export function startTimes() {
  for (const time of document.querySelectorAll("time[data-local]")) time.textContent = FORMAT.format(new Date(time.dateTime));
}
