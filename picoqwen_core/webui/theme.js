// Dark or light: as chosen, else as Home Assistant is around this page, else as the browser prefers.

import { settings } from "./store.js";

export function applyTheme() {
  const theme = settings.theme || houseColours()?.content;
  // Anything else leaves it to what the browser prefers.
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** Keep to the colours of Home Assistant, where this page is shown inside of it, also when they are changed there. */
export function followHouse() {
  const colours = houseColours();
  if (colours) new MutationObserver(applyTheme).observe(colours, { attributes: true });
}

// Home Assistant writes "light" or "dark" there; browsers do not tell a framed page by themselves.
function houseColours() {
  try {
    return parent === window ? null : parent.document.querySelector("meta[name=color-scheme]");
  } catch {
    // Framed by a page of another origin.
    return null;
  }
}
