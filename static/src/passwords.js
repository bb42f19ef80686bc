/**
 * Shows what is wrong with a new password below its field while the form is filled in.
 *
 * The sentences come from the server, so they are the same as after sending. They appear when the user leaves the field
 * or pauses, change only when the server's response does, and never block sending.
 *
 * A sentence that comes or goes moves the button below it. While a pointer is pressed nothing changes: the button would
 * move between the press and the release, and the click would be lost.
 */

const PAUSE_MS = 800;
const PAUSE_WITH_ERROR_MS = 300; // a user who corrects an error wants to see it go

let released = Promise.resolve();

export function startPasswordRules() {
  document.addEventListener("pointerdown", () => (released = release()));
  document.querySelectorAll("[data-password-rules]").forEach(watch);
}

/** Resolves when the pointer is up and the click that it made has been handled. */
function release() {
  return new Promise((resolve) => {
    const up = () => setTimeout(resolve);
    document.addEventListener("pointerup", up, { once: true });
    document.addEventListener("pointercancel", up, { once: true });
  });
}

function watch(box) {
  const field = box.querySelector("input");
  const email = field.form.elements.namedItem("email");
  let timer = 0;
  let asking = new AbortController();

  const ask = async () => {
    clearTimeout(timer);
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const errors = field.value ? await problems(box.dataset.passwordRules, field, email, signal) : [];
    await released;
    if (errors && !signal.aborted) show(box, field, errors.join(" "));
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    const hasError = field.hasAttribute("aria-invalid");
    // No complaint that a password is too short while it is still being typed.
    if (hasError || field.value.length >= field.minLength) timer = setTimeout(ask, hasError ? PAUSE_WITH_ERROR_MS : PAUSE_MS);
  });
  field.addEventListener("change", ask);
  email?.addEventListener("change", () => field.value && ask());
  // A response that comes while the form is being sent would only flicker.
  field.form.addEventListener("submit", () => (clearTimeout(timer), asking.abort()));
}

/** Null if the server cannot be asked: it checks again when the form is sent. */
async function problems(address, field, email, signal) {
  const body = new URLSearchParams({ [field.name]: field.value, email: email?.value ?? "" });
  try {
    const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" }, signal });
    return answer.ok ? (await answer.json()).errors : null;
  } catch {
    return null;
  }
}

function show(box, field, sentence) {
  const error = box.querySelector(".field-error");
  if (error.textContent === sentence) return;
  error.textContent = sentence;
  const described = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== error.id);
  if (sentence) described.push(error.id);
  if (sentence) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  field.setAttribute("aria-describedby", described.join(" "));
}
