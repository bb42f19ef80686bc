/** Counts down to when a form can be sent. Without JavaScript the page shows the wait. */

const SECOND_MS = 1000;

export function startCountdowns() {
  document.querySelectorAll("form[data-wait-seconds]").forEach(countDown);
}

function countDown(form) {
  const button = form.querySelector("button");
  const left = form.querySelector("[data-wait-left]");
  const over = form.querySelector("[data-wait-over]");
  // A point in time, not a number of ticks: a background tab or a sleeping computer has fewer ticks.
  const until = Date.now() + Number(form.dataset.waitSeconds) * SECOND_MS;
  const seconds = () => Math.ceil((until - Date.now()) / SECOND_MS);
  const tick = () => {
    if (seconds() > 0) {
      left.querySelector("span").textContent = clock(seconds());
      return;
    }
    clearInterval(ticking);
    left.remove();
    button.removeAttribute("aria-disabled");
    over.textContent = over.dataset.waitOver;
  };
  // Not `disabled`: the button stays in the tab order, and screen readers announce when it will work.
  button.setAttribute("aria-disabled", "true");
  form.addEventListener("submit", (event) => {
    if (seconds() <= 0) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // nothing was sent, so the form must not look busy
  }, { capture: true });
  const ticking = setInterval(tick, SECOND_MS);
  tick();
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
