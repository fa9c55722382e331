// Making elements. Text only ever becomes text: nothing here, or anywhere else, reads HTML.

/** element("a", {class: "x", onclick: f, hidden: true}, child, "text", ...) */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
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

export const byId = (id) => document.getElementById(id);

/** Told to screen readers once, when it is whole. */
export function announce(text) {
  byId("live").textContent = text;
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

/** Whether the person says yes; the safe answer has the focus. */
export async function confirmed(question, yes, no) {
  const buttons = [
    element("button", { value: "", autofocus: true }, no),
    element("button", { value: "yes", class: "bad" }, yes),
  ];
  return (await dialog(question, "", buttons)) === "yes";
}
