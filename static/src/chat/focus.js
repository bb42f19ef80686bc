/** Keeps the focus on the page: from the top of the document, keyboards and screen readers would have to find their way back. */

const VISIBLE = { visibilityProperty: true };

/** When the focused element disappears, `next(home)` gets the focus; `home` is the part of the page it was in, if in one of `homes`. */
export function keepFocus(homes, next) {
  let last = null;
  let home = null;
  let isDue = false;
  const check = () => {
    isDue = false;
    const { activeElement: here, body } = document;
    const lost = here === body ? last : here;
    if (!lost || isThere(lost) || document.querySelector("dialog[open]")) return;
    last = null;
    next(home).focus({ preventScroll: true });
  };
  document.addEventListener("focusin", ({ target }) => {
    last = target;
    home = target.closest(homes);
  });
  // In the frame in which it disappears, before the browser notices.
  new MutationObserver(() => {
    if (!isDue) requestAnimationFrame(check);
    isDue = true;
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}

function isThere(element) {
  return element.isConnected && (element.checkVisibility?.(VISIBLE) ?? true);
}
