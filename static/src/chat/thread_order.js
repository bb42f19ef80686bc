/** The order of the list of chats: the pinned ones, then the newest first. If times are equal, the greater id comes first. */

export function placeOf({ thread_id: id, last_message_at: time, pinned }) {
  return [Boolean(pinned), microseconds(time), id];
}

export function placeOfRow({ dataset: { threadId, lastMessageAt, pinned } }) {
  return [pinned !== undefined, microseconds(lastMessageAt), threadId];
}

export function isBefore([pinned, time, id], [otherPinned, otherTime, otherId]) {
  if (pinned !== otherPinned) return pinned;
  return time === otherTime ? id > otherId : time > otherTime;
}

/** Whether a row is between its neighbors. */
export function isInOrder(row) {
  const { previousElementSibling: above, nextElementSibling: below } = row;
  const place = placeOfRow(row);
  return (!above || isBefore(placeOfRow(above), place)) && (!below || isBefore(place, placeOfRow(below)));
}

/** Where a place is among rows in order: older chats are added at the end, so it looks there first. */
export function indexFor(rows, place) {
  let [low, high] = [0, rows.length];
  if (high && isBefore(placeOfRow(rows[high - 1]), place)) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(placeOfRow(rows[middle]), place)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a row is after the place that the server's cursor names. */
export function isBeyond(row, cursor) {
  const [pinned, time, id] = placeOfRow(row);
  const [cursorTime, cursorId] = cursor.split("-");
  return isBefore([false, Number(cursorTime), cursorId], [pinned, time, id.replaceAll("-", "")]);
}

/** Times have microseconds, of which `Date` knows the first three digits. */
function microseconds(time) {
  const further = /\.\d{3}(\d{1,3})/.exec(time)?.[1] ?? "";
  return Date.parse(time) * 1000 + Number(further.padEnd(3, "0"));
}
