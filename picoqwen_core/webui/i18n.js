// What the page says, in the person's language. English is always there; the others are fetched when chosen.

import english from "./text_en.js";
import { settings } from "./store.js";

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", nl: "Nederlands", it: "Italiano" };

let texts = english;

/** The language chosen, or the first of the browser's that there is. */
export function language() {
  const wanted = [settings.language, ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag) => tag in LANGUAGES) ?? "en";
}

export async function loadTexts() {
  const tag = language();
  try {
    texts = tag === "en" ? english : (await import(`./text_${tag}.js`)).default;
  } catch {
    texts = english;
  }
  document.documentElement.lang = texts === english ? "en" : tag;
  translatePage();
}

/** t("first_after", {time: "1 s"}) */
export function t(key, values = {}) {
  const text = texts[key] ?? english[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: digits }).format(value);

export const megabytes = (value) => (value >= 1000 ? `${number(value / 1000, 1)} GB` : `${number(value)} MB`);

function translatePage() {
  const places = { t: "", tLabel: "aria-label", tPlaceholder: "placeholder" };
  for (const node of document.querySelectorAll("[data-t], [data-t-label], [data-t-placeholder]")) {
    for (const [name, attribute] of Object.entries(places)) {
      const key = node.dataset[name];
      if (key && attribute) node.setAttribute(attribute, t(key));
      else if (key) node.textContent = t(key);
    }
  }
}
