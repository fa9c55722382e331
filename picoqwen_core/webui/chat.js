// The chat view: the conversation, sending and stopping, editing and trying again, and the list of conversations.

import { ask } from "./ask.js";
import { chosenModel } from "./choice.js";
import { announce, button, byId, confirmed, element } from "./dom.js";
import { t } from "./i18n.js";
import { askForKey } from "./key.js";
import { errorItem, errorText, messageItem } from "./message.js";
import { conversations, forget, forgetAll, isLite, keep, newConversation, saveSettings, settings } from "./store.js";

let talk = conversations()[0] ?? newConversation();
let failed = null;
let running = null;

export function startChat() {
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  byId("message").addEventListener("keydown", (event) => {
    // Where there is no keyboard, Enter makes a line and the button sends.
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing && matchMedia("(pointer: fine)").matches;
    if (!sends) return;
    event.preventDefault();
    send();
  });
  byId("message").addEventListener("input", fitMessage);
  byId("stop").addEventListener("click", stop);
  byId("example").checked = settings.example;
  byId("example").addEventListener("change", () => choose({ example: byId("example").checked }));
  byId("thinking").value = settings.thinking;
  byId("thinking").addEventListener("change", () => choose({ thinking: byId("thinking").value }));
  byId("routing").addEventListener("change", () => choose({ routing: byId("routing").value }));
  byId("model").addEventListener("change", () => choose({ model: byId("model").value }));
  byId("system").addEventListener("input", () => { talk.system = byId("system").value; });
  byId("show-history").addEventListener("click", () => showHistory(!byId("history").classList.contains("open")));
  show(talk);
}

/** Let the person say who is asked first, where there is more than one who could be. */
export function offerRouting(hybrid) {
  byId("routing-choice").hidden = !hybrid;
  byId("routing").value = settings.routing;
}

function choose(changes) {
  saveSettings(changes);
  showModelChoices();
}

/** Offer only what the chosen model can do. */
export function showModelChoices() {
  const isHome = chosenModel()?.built_in === true;
  byId("thinking-choice").hidden = isHome;
  byId("example-choice").hidden = !isHome && !settings.example;
  byId("example").checked = settings.example;
  // What is folded away and changes every answer is told beside the fold.
  byId("options-note").textContent = settings.example ? `· ${t("example_home")}` : "";
  if (!talk.messages.length) showLog();
}

export function newChat() {
  stop();
  location.hash = "#chat";
  show(newConversation());
}

export function stop() {
  running?.abort();
}

export const isAnswering = () => running !== null;

function show(next) {
  stop();
  talk = next;
  failed = null;
  byId("system").value = talk.system;
  showLog();
  renderHistory();
}

async function send() {
  const text = byId("message").value.trim();
  if (!text || running) return;
  byId("message").value = "";
  fitMessage();
  talk.messages.push({ role: "user", content: text });
  await answer();
}

async function answer() {
  const own = talk;
  const message = { role: "assistant", content: "", isWaiting: true };
  running = new AbortController();
  failed = null;
  own.messages.push(message);
  setAnswering(true);
  announce(t("answering"));
  showLog();
  const redraw = drawer(own, message);
  try {
    const { thinking, example } = settings;
    const routing = byId("routing-choice").hidden ? "" : settings.routing;
    const options = { model: settings.model, thinking, example, routing, stream: !isLite() };
    await ask({ ...own, messages: own.messages.slice(0, -1) }, message, options, running.signal, redraw);
  } catch (error) {
    if (error.name === "AbortError") message.note = "stopped";
    else failed = error;
  }
  delete message.isWaiting;
  running = null;
  setAnswering(false);
  if (!message.content && !message.calls?.length && !message.reasoning) own.messages.pop();
  keep(own);
  renderHistory();
  if (own !== talk) return;
  showLog();
  announce(failed ? "" : message.content);
  if (failed?.code === "unauthorized" && (await askForKey())) retry();
}

/** Draws the growing answer at most once a frame. */
function drawer(own, message) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (own !== talk || !message.isWaiting) return;
      const log = byId("log");
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
      const isOpen = log.lastElementChild.querySelector(":scope > details")?.open;
      log.lastElementChild.replaceWith(messageItem(message));
      if (isOpen) log.lastElementChild.querySelector(":scope > details").open = true;
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    });
  };
}

function setAnswering(is) {
  byId("send").hidden = is;
  byId("stop").hidden = !is;
  byId("log").setAttribute("aria-busy", String(is));
}

function showLog() {
  const last = talk.messages.length - 1;
  const items = talk.messages.map((message, index) => messageItem(message, running ? {} : actionsOf(message, index, last)));
  if (!talk.messages.length) items.push(hello());
  if (failed) {
    const key = failed.code === "unauthorized" ? { key: async () => (await askForKey()) && retry() } : {};
    items.push(errorItem(failed, { retry, ...key }));
    console.warn(errorText(failed));
  }
  byId("log").replaceChildren(...items);
  byId("log").scrollTop = byId("log").scrollHeight;
}

function actionsOf(message, index, last) {
  if (message.role === "user") return { edit: () => edit(index) };
  const copy = { copy: () => copyText(message.content) };
  return index === last ? { retry, ...copy } : copy;
}

/** Take the last answer back and ask again. */
export function retry() {
  if (running) return;
  while (talk.messages.at(-1)?.role === "assistant") talk.messages.pop();
  if (talk.messages.length) answer();
}

/** Put a question back into the field; what came after it goes. */
export function edit(index = talk.messages.findLastIndex((message) => message.role === "user")) {
  if (running || index < 0) return;
  byId("message").value = talk.messages[index].content;
  talk.messages.splice(index);
  failed = null;
  showLog();
  fitMessage();
  byId("message").focus();
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    announce(t("copied"));
  } catch {
    // Without a secure context there is no clipboard; the text can be marked by hand.
  }
}

function hello() {
  const isHome = chosenModel()?.built_in === true;
  const say = (key) => button(t(key), () => {
    byId("message").value = t(key);
    send();
  });
  const offers = settings.example ? ["ask_lamp", "ask_warm", "ask_blinds", "ask_lights"].map(say)
    : [button(t("try_example"), () => choose({ example: true }), { class: "main" })];
  return element("li", { class: "hero" }, element("h2", {}, t("hello")),
    isHome && [element("p", {}, t("hello_home")), element("div", { class: "acts" }, offers),
      element("p", { class: "note" }, element("a", { href: "#models" }, t("hello_larger")))]);
}

function fitMessage() {
  const field = byId("message");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

export function showHistory(isOpen) {
  byId("history").classList.toggle("open", isOpen);
  byId("show-history").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) byId("history").querySelector("button").focus();
}

export function renderHistory() {
  const items = conversations().map((each) => element("li", {},
    button(each.title || t("new_chat"), () => open(each), { title: each.title, "aria-current": each.id === talk.id && "true" }),
    button("✕", () => remove(each), { class: "icon", "aria-label": `${t("delete")}: ${each.title}` })));
  byId("history").replaceChildren(
    button(t("new_chat"), () => { showHistory(false); newChat(); byId("message").focus(); }, { class: "main" }),
    items.length ? element("ul", {}, items) : element("p", { class: "note" }, t("nothing_kept")),
    items.length ? button(t("delete_all"), removeAll, { class: "small bad" }) : "");
}

function open(each) {
  showHistory(false);
  location.hash = "#chat";
  show(each);
}

function remove(each) {
  forget(each.id);
  if (each.id === talk.id) show(newConversation());
  renderHistory();
}

async function removeAll() {
  if (!(await confirmed(t("delete_all_sure"), t("delete"), t("cancel")))) return;
  forgetAll();
  show(newConversation());
}
