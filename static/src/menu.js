/** Menus are <details>, which work without JavaScript; here they learn to close like menus. */

export function startMenus() {
  document.querySelectorAll("details[data-menu]").forEach((menu) => {
    document.addEventListener("click", ({ target }) => menu.contains(target) || (menu.open = false));
    menu.addEventListener("keydown", (event) => event.key === "Escape" && close(menu));
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
    });
  });
}

function close(menu) {
  if (!menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}
