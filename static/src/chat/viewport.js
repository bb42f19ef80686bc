/** Keeps the conversation and the message field in what is left of the window by keyboards, zoom and rotation. */

// A smaller difference comes from the browser's own bars.
const LEAST_KEYBOARD_PX = 120;

export function startViewport(panel) {
  const fit = () => fitKeyboard(document.body, window.visualViewport);
  window.visualViewport?.addEventListener("resize", fit);
  // In a low window the header scrolls with the page (`short:` in the template), which begins below it.
  const low = window.matchMedia("(height < 22rem)");
  const begin = () => low.matches && panel.scrollIntoView();
  low.addEventListener("change", begin);
  begin();
}

/**
 * The keyboard of an iPhone covers the page, and the page is moved up until the field is seen; the end of the conversation
 * would be above the window. Elsewhere `interactive-widget=resizes-content` makes the page smaller.
 */
function fitKeyboard(body, viewport) {
  // A zoomed page is smaller without a keyboard.
  const isCovered = viewport.scale === 1 && window.innerHeight - viewport.height > LEAST_KEYBOARD_PX;
  body.style.height = isCovered ? `${viewport.height}px` : "";
  if (isCovered) window.scrollTo(0, 0);
}
