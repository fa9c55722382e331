// What surrounds this page where Home Assistant shows it: dark or light, and its language. A choice of one's own goes first.

import { settings } from "./store.js";

export function applyTheme() {
  const theme = settings.theme || houseColours()?.content;
  // Anything else leaves it to what the browser prefers.
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** Keep to Home Assistant, where this page is shown inside of it, also when something is changed there. */
export function followHouse(spoken) {
  const colours = houseColours();
  if (colours) new MutationObserver(applyTheme).observe(colours, { attributes: true });
  const house = outside()?.documentElement;
  if (house) new MutationObserver(spoken).observe(house, { attributeFilter: ["lang"] });
}

/** The language that Home Assistant is set to; "" where this page stands alone. */
export const houseLanguage = () => outside()?.documentElement.lang ?? "";

// Home Assistant writes "light" or "dark" there; browsers do not tell a framed page by themselves.
const houseColours = () => outside()?.querySelector("meta[name=color-scheme]");

function outside() {
  try {
    return parent === window ? null : parent.document;
  } catch {
    // Framed by a page of another origin.
    return null;
  }
}
