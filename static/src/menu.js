/** Menus are <details>, which work without JavaScript; here they get the closing and the arrow keys of menus. */

const STEPS = new Map([["ArrowDown", 1], ["ArrowUp", -1]]);

export function startMenus() {
  document.querySelectorAll("details[data-menu]").forEach((menu) => {
    // Not on `click`, which a touch beside a menu does not cause everywhere.
    document.addEventListener("pointerdown", ({ target }) => menu.contains(target) || (menu.open = false));
    menu.addEventListener("keydown", (event) => pressed(menu, event));
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
    });
  });
}

function pressed(menu, event) {
  if (event.key === "Escape") close(menu);
  if (STEPS.has(event.key)) step(menu, event);
}

function close(menu) {
  if (!menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

/** To the next item, and from the last one to the first. */
function step(menu, event) {
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll("a, button")].filter((item) => item.checkVisibility());
  const at = items.indexOf(document.activeElement);
  const first = STEPS.get(event.key) > 0 ? 0 : -1;
  items.at(at < 0 ? first : (at + STEPS.get(event.key)) % items.length).focus();
}
