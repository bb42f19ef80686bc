/** Shows times in the reader's time zone. Without JavaScript the page shows them in UTC. */

const FORMAT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});

export function startTimes() {
  for (const time of document.querySelectorAll("time[data-local]")) time.textContent = FORMAT.format(new Date(time.dateTime));
}
