/** What the reader sees: the text that must not move while something else on the page changes. */

/**
 * The text that is being read, as [block, text, article]: the last text in view, because an answer grows below its top.
 * A repaint may replace the block. Empty if nothing is in view.
 */
export function readNow(scroller, articles) {
  const view = scroller.getBoundingClientRect();
  let seen = [];
  for (let index = articles.length - 1; index >= 0; index -= 1) {
    const article = articles[index];
    const { top, bottom } = article.getBoundingClientRect();
    if (top >= view.bottom || top === bottom) continue; // below the view, or hidden
    if (bottom <= view.top) break;
    const text = article.querySelector(".markdown-content");
    if (text?.hasChildNodes() && text.getBoundingClientRect().top < view.bottom) return [blockIn(text, view), text, article];
    seen = [article];
  }
  return seen;
}

/** The first block that ends in view, so that what is typeset above it does not move it. */
function blockIn(text, view) {
  const chunk = firstBelow(text.children, view.top);
  return (chunk && firstBelow(chunk.children, view.top)) ?? text;
}

function firstBelow(elements, top) {
  for (const element of elements) if (element.getBoundingClientRect().bottom > top) return element;
  return undefined;
}
