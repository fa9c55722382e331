// The list of conversations, beside the chat or over it.

import { button, byId, confirmed, element, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { conversations, forget, forgetAll, isStored } from "./store.js";

let chat = null;

/** chat: what can be done to it, as {open(talk), begin(), currentId()}. */
export function startHistory(given) {
  chat = given;
  byId("show-history").addEventListener("click", () => showHistory(!isOpen()));
  document.addEventListener("click", ({ target }) => {
    // Where the list lies over the page, a touch beside it puts it away.
    if (isOpen() && target.isConnected && !target.closest("#history, #show-history, dialog")) showHistory(false);
  });
}

export const isOpen = () => byId("history").classList.contains("open");

export function showHistory(isWanted) {
  byId("history").classList.toggle("open", isWanted);
  byId("show-history").setAttribute("aria-expanded", String(isWanted));
  if (isWanted) byId("history").querySelector("button").focus();
}

export function renderHistory() {
  const items = conversations().map((each) => element("li", {},
    button(each.title || t("new_chat"), () => open(each), { title: each.title, dir: "auto", "aria-current": each.id === chat.currentId() && "true" }),
    iconButton("delete", `${t("delete")}: ${each.title}`, () => remove(each))));
  byId("history").replaceChildren(
    button(t("new_chat"), begin, { class: "main" }),
    items.length ? element("ul", {}, items) : element("p", { class: "note" }, t("nothing_kept")),
    isStored() ? "" : element("p", { class: "error" }, t("nothing_stored")),
    items.length ? button(t("delete_all"), removeAll, { class: "small bad" }) : "");
}

function begin() {
  showHistory(false);
  chat.begin();
  byId("message").focus();
}

function open(each) {
  showHistory(false);
  location.hash = "#chat";
  chat.open(each);
}

async function remove(each) {
  if (!(await confirmed(t("delete_one_sure", { name: each.title }), t("delete"), t("cancel")))) return;
  forget(each.id);
  if (each.id === chat.currentId()) chat.begin();
  else renderHistory();
}

async function removeAll() {
  if (!(await confirmed(t("delete_all_sure"), t("delete"), t("cancel")))) return;
  forgetAll();
  chat.begin();
}
