/** A form that can be sent in a moment counts down to it. Without this its page says how long that takes. */

const SECOND_MS = 1000;

export function startCountdowns() {
  document.querySelectorAll("form[data-wait-seconds]").forEach(countDown);
}

function countDown(form) {
  const button = form.querySelector("button");
  const left = form.querySelector("[data-wait-left]");
  const over = form.querySelector("[data-wait-over]");
  // A point in time and not a number of ticks: a tab in the background or a sleeping computer has fewer of these.
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
  // Not `disabled`: it keeps its place in the order of the keys, and tells a screen reader when it will work.
  button.setAttribute("aria-disabled", "true");
  form.addEventListener("submit", (event) => {
    if (seconds() <= 0) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // nothing was sent: the form must not look busy
  }, { capture: true });
  const ticking = setInterval(tick, SECOND_MS);
  tick();
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
