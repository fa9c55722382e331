// Making elements. Text only ever becomes text: nothing here, or anywhere else, reads HTML.

import { loadMore, t } from "./i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const MS_COPIED_IS_SHOWN = 1500;
const MOST_SPOKEN = 2000;

/** element("a", {class: "x", onclick: f, hidden: true}, child, "text", ...) */
export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

/** One of the drawings of index.html. */
const icon = (name) => svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));

/** A button that shows a drawing, and says its text to those who hover or listen. */
export function iconButton(name, text, onclick, attributes = {}) {
  return button(icon(name), onclick, { class: "icon", "aria-label": text, title: text, ...attributes });
}

/** Copies what `text()` gives. */
export function copyButton(text) {
  return iconButton("copy", t("copy"), async ({ currentTarget: pressed }) => {
    const isDone = await copied(text());
    announce(t(isDone ? "copied" : "copy_failed"));
    if (!isDone) return;
    pressed.replaceChildren(icon("check"));
    setTimeout(() => pressed.replaceChildren(icon("copy")), MS_COPIED_IS_SHOWN);
  });
}

async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => copiedTheOldWay(text));
  return copiedTheOldWay(text);
}

// By plain http, as most Home Assistants are reached at home, a page has no clipboard of its own.
function copiedTheOldWay(text) {
  const focused = document.activeElement;
  const field = element("textarea", { class: "sr", "aria-hidden": "true" });
  field.value = text;
  document.body.append(field);
  field.select();
  const isDone = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return isDone;
}

export const byId = (id) => document.getElementById(id);

/** Told to screen readers once, when it is whole. */
export function announce(text) {
  byId("live").textContent = text.slice(0, MOST_SPOKEN);
}

/** A dialog that closes on Escape and gives the focus back; resolves with its returnValue. */
export function dialog(title, content, buttons) {
  const box = element("dialog", { "aria-label": title },
    element("form", { method: "dialog" }, element("h2", {}, title), content, element("div", { class: "acts" }, buttons)));
  byId("dialogs").replaceChildren(box);
  box.showModal();
  return new Promise((resolve) => box.addEventListener("close", () => {
    box.remove();
    resolve(box.returnValue);
  }));
}

/** settings.js, or null where it cannot be had: the server is away, and nothing was kept. */
export const dialogs = () => loadMore().then(() => import("./settings.js")).catch(() => null);

/** Ask for the key; whether one was given. */
export const askForKey = async () => (await dialogs())?.askForKey() ?? false;

/** Whether the person says yes; the safe answer has the focus. */
export async function confirmed(question, yes, no) {
  await loadMore().catch(() => {});
  // Shown the other way round: what is done stands last.
  const buttons = [
    element("button", { value: "yes", class: "bad" }, yes),
    element("button", { value: "", autofocus: true }, no),
  ];
  return (await dialog(question, "", buttons)) === "yes";
}
