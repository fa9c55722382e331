// What the page says, in the person's language: text_*.js for the chat, more_*.js for the pages that are fetched later.

import { houseLanguage } from "./house.js";
import { settings } from "./store.js";

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español", nl: "Nederlands", it: "Italiano" };

let texts = {};
let more = {};
let isMoreWanted = false;

/** The language chosen, or Home Assistant's around this page, or the first of the browser's that there is. */
export function language() {
  const wanted = [settings.language, houseLanguage(), ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag) => tag in LANGUAGES) ?? "en";
}

export async function loadTexts() {
  texts = await load("text");
  if (isMoreWanted) more = await load("more");
  translatePage();
}

/** What the models, status and agents pages and the dialogs say and look like. */
export async function loadMore() {
  if (isMoreWanted) return;
  [more] = await Promise.all([load("more"), loadStyle()]);
  isMoreWanted = true;
}

function loadStyle() {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "ui/more.css" });
  document.head.append(link);
  return new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", () => {
      link.remove();
      reject(new Error("more.css"));
    });
  });
}

async function load(kind) {
  const tag = language();
  try {
    const { default: found } = await import(`./${kind}_${tag}.js`);
    document.documentElement.lang = tag;
    return found;
  } catch (error) {
    if (tag === "en") throw error;
    document.documentElement.lang = "en";
    return (await import(`./${kind}_en.js`)).default;
  }
}

export const isText = (key) => key in texts || key in more;

/** t("first_after", {time: "1 s"}) */
export function t(key, values = {}) {
  const text = texts[key] ?? more[key] ?? key;
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
