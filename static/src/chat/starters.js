/** The messages that an empty chat suggests: a click puts one into the field. */

export function withStarters(composer) {
  document.getElementById("starters")?.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button) composer.fill(button.textContent);
  });
  return composer;
}
