/** Resolves when the browser has nothing else to do, or after a second. */
export function idle() {
  return new Promise((resolve) => {
    if (window.requestIdleCallback) window.requestIdleCallback(resolve, { timeout: 1_000 });
    else window.setTimeout(resolve, 50); // Safari
  });
}
