/** A long text of the user's own shows its first lines, until the reader wants all of it. */

const MAX_LINES = 12;
// For a text of few lines, each of which fills many on the screen.
const MAX_CHARACTERS = 1_500;

/** How much is folded, in words; "" if nothing is. The same rules as in _message.html. */
export function sizeOf(text) {
  const lines = text.split("\n").length;
  if (lines > MAX_LINES) return `${lines.toLocaleString("en")} lines`;
  if (text.length <= MAX_CHARACTERS) return "";
  const characters = Array.from(text).length;
  return characters > MAX_CHARACTERS ? `${characters.toLocaleString("en")} characters` : "";
}

export function showSize(article, text) {
  const fold = article.querySelector(".message-more");
  const size = sizeOf(text);
  fold.hidden = !size;
  const place = fold.querySelector(".message-size");
  if (place.textContent !== size) place.textContent = size;
}

/** What the browser scrolls to in the folded part, by find-in-page or by a selection, is shown with all of the text. */
export function openWhereScrolled(root, signal) {
  root.addEventListener("scroll", ({ target }) => {
    const fold = target.closest?.("article")?.querySelector(".message-more");
    if (!fold || !target.scrollTop) return;
    fold.open = true;
    target.scrollTop = 0;
  }, { capture: true, passive: true, signal });
}
