// The chat view: the conversation, sending and stopping, editing and trying again.

import { ask } from "./ask.js";
import { chosenModel, isModelMissing } from "./choice.js";
import { announce, askForKey, button, byId, element } from "./dom.js";
import { renderHistory, startHistory } from "./history.js";
import { t } from "./i18n.js";
import { errorItem, errorText, shown } from "./message.js";
import { conversations, isLite, keep, newConversation, saveSettings, settings, watchOthers } from "./store.js";

const MS_BETWEEN_KEEPING = 2000;
const NEAR_THE_END = 80;
let talk = conversations()[0] ?? newConversation();
let failed = null;
// {talk, message, abort}: the answer that is on its way.
let running = null;
// The place of the message that is written anew.
let editing = null;
// Whether the newest line is to stay in sight: until the reader scrolls up.
let isFollowing = true;
let drawn = new WeakMap();

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
  byId("stop-editing").addEventListener("click", stopEditing);
  startOptions();
  startScrolling();
  startHistory({ open: show, begin: newChat, currentId: () => talk.id });
  watchOthers(adopt);
  // A page may be closed at any time, on a phone without a word.
  window.addEventListener("pagehide", () => running && keep(running.talk));
  show(talk);
}

function startOptions() {
  for (const name of ["thinking", "routing", "model"]) {
    byId(name).value = settings[name];
    byId(name).addEventListener("change", () => choose({ [name]: byId(name).value }));
  }
  byId("example").addEventListener("change", () => choose({ example: byId("example").checked }));
  byId("system").addEventListener("input", () => {
    talk.system = byId("system").value;
    showNote();
  });
  byId("show-options").addEventListener("click", ({ currentTarget: pressed }) => {
    byId("options").hidden = !byId("options").hidden;
    pressed.setAttribute("aria-expanded", String(!byId("options").hidden));
  });
}

function startScrolling() {
  const log = byId("log");
  const look = () => {
    isFollowing = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_THE_END;
    byId("to-end").hidden = isFollowing;
  };
  log.addEventListener("scroll", look, { passive: true });
  byId("to-end").addEventListener("click", toEnd);
  // As when the keyboard of a phone comes up.
  new ResizeObserver(() => (isFollowing ? toEnd() : look())).observe(log);
}

function toEnd() {
  isFollowing = true;
  // A greeting is read from its beginning.
  byId("log").scrollTop = talk.messages.length ? byId("log").scrollHeight : 0;
}

/** Let the person say who is asked first, where there is more than one who could be. */
export function offerRouting(hybrid) {
  byId("routing-choice").hidden = !hybrid;
  byId("routing").value = settings.routing;
  showNote();
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
  showNote();
  if (!talk.messages.length) showLog();
}

/** What is folded away and changes every answer is told beside the fold. */
function showNote() {
  const { example, thinking } = settings;
  const parts = [example && t("example_home"), chosenRouting() && t(chosenRouting()), talk.system.trim() && t("system_prompt"),
    thinking && !byId("thinking-choice").hidden && `${t("thinking")}: ${t(thinking)}`].filter(Boolean);
  byId("options-note").textContent = parts.join(" · ");
  byId("options-note").hidden = !parts.length;
}

const chosenRouting = () => (byId("routing-choice").hidden ? "" : settings.routing);

export function newChat() {
  location.hash = "#chat";
  show(newConversation());
}

export function stop() {
  running?.abort.abort();
}

export const isAnswering = () => running !== null;

/** In another language. */
export function redraw() {
  drawn = new WeakMap();
  showModelChoices();
  showLog();
  renderHistory();
}

function show(next) {
  stop();
  stopEditing();
  talk = next;
  failed = null;
  isFollowing = true;
  byId("system").value = talk.system;
  showNote();
  showLog();
  renderHistory();
}

/** Another tab has kept something: go on with what it has, unless something is being done here. */
function adopt() {
  const theirs = conversations().find(({ id }) => id === talk.id);
  if (theirs && theirs.version !== talk.version && !running && editing === null) show(theirs);
  else renderHistory();
}

async function send() {
  const text = byId("message").value.trim();
  if (!text || running) return;
  if (editing !== null) talk.messages.splice(editing);
  stopEditing();
  byId("message").value = "";
  fitMessage();
  talk.messages.push({ role: "user", content: text });
  await answer();
}

/** `before`: the answers that this one is to take the place of. */
async function answer(before = []) {
  const own = talk;
  const message = { role: "assistant", content: "", isWaiting: true };
  running = { talk: own, message, abort: new AbortController() };
  failed = null;
  own.messages.push(message);
  isFollowing = true;
  setAnswering(true);
  announce(t("answering"));
  keep(own);
  showLog();
  try {
    const { model, thinking, example } = settings;
    const options = { model, thinking, example, routing: chosenRouting(), stream: !isLite() };
    await ask({ ...own, messages: own.messages.slice(0, -1) }, message, options, running.abort.signal, drawer(own, message));
  } catch (error) {
    if (error.name === "AbortError") message.note = "stopped";
    else {
      failed = error;
      message.note = "broken_off";
    }
  }
  delete message.isWaiting;
  running = null;
  setAnswering(false);
  if (!message.content && !message.calls?.length && !message.reasoning) own.messages.splice(-1, 1, ...before);
  keep(own);
  renderHistory();
  if (own !== talk) {
    failed = null;
    return;
  }
  showLog();
  announce(failed ? "" : message.content);
  if (failed?.code === "unauthorized" && (await askForKey())) retry();
}

/** Draws the growing answer at most once a frame, and no more often than leaves time for the reader; keeps it now and then. */
function drawer(own, message) {
  let isDue = false;
  let spent = 0;
  let kept = performance.now();
  const draw = () => {
    isDue = false;
    if (!message.isWaiting) return;
    const start = performance.now();
    if (start - kept > MS_BETWEEN_KEEPING) {
      kept = start;
      keep(own);
    }
    if (own === talk) {
      drawn.get(message)?.grow();
      if (isFollowing) toEnd();
    }
    spent = performance.now() - start;
  };
  return () => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => requestAnimationFrame(draw), spent > 8 ? spent * 4 : 0);
  };
}

function setAnswering(is) {
  byId("send").hidden = is;
  byId("stop").hidden = !is;
  byId("log").setAttribute("aria-busy", String(is));
}

function showLog() {
  const items = talk.messages.map(itemOf);
  if (!talk.messages.length) items.push(hello());
  if (failed) {
    const key = failed.code === "unauthorized" ? { key: async () => (await askForKey()) && retry() } : {};
    items.push(errorItem(failed, { retry, ...key }));
    console.warn(errorText(failed));
  }
  const log = byId("log");
  // What stays keeps its place, its focus, and what is unfolded in it.
  for (const [index, item] of items.entries()) {
    if (log.children[index] !== item) log.insertBefore(item, log.children[index] ?? null);
  }
  while (log.children.length > items.length) log.lastElementChild.remove();
  if (isFollowing) toEnd();
}

function itemOf(message, index) {
  if (!drawn.has(message)) drawn.set(message, shown(message));
  const view = drawn.get(message);
  const isLast = index === talk.messages.length - 1;
  const key = `${index} ${isLast} ${message.isWaiting} ${failed !== null}`;
  if (view.key !== key) {
    view.key = key;
    view.grow();
    // An error that is told below needs no note.
    view.end(message.isWaiting ? null : actionsOf(message, index), !(failed && isLast));
  }
  return view.item;
}

function actionsOf(message, index) {
  const again = index === talk.messages.length - 1 && !failed ? { retry } : {};
  return message.role === "user" ? { edit: () => edit(index), ...again } : again;
}

/** Ask again; the last answer goes when there is another. */
export function retry() {
  if (running) return;
  stopEditing();
  const before = [];
  while (talk.messages.at(-1)?.role === "assistant") before.unshift(talk.messages.pop());
  if (talk.messages.length) answer(before);
}

/** Put a question back into the field; what came after it goes when it is sent. */
export function edit(index = talk.messages.findLastIndex((message) => message.role === "user")) {
  if (running || index < 0) return;
  editing = index;
  byId("editing").hidden = false;
  byId("message").value = talk.messages[index].content;
  fitMessage();
  byId("message").focus();
}

export const isEditing = () => editing !== null;

export function stopEditing() {
  if (editing === null) return;
  editing = null;
  byId("editing").hidden = true;
  byId("message").value = "";
  fitMessage();
}

function hello() {
  const isHome = chosenModel()?.built_in === true;
  const offers = element("div", { class: "acts" });
  const offer = (texts) => offers.replaceChildren(...texts.map((text) => button(text, () => {
    byId("message").value = text;
    send();
  })));
  if (!isHome && chosenModel()) offer([t("idea_explain"), t("idea_plan"), t("idea_write")]);
  else if (settings.example) import("./home.js").then(({ examples }) => offer(examples()));
  else if (isHome) offers.append(button(t("try_example"), () => choose({ example: true }), { class: "main" }));
  const toModels = (text) => element("p", { class: "note" }, element("a", { href: "#models" }, text));
  return element("li", { class: "hero" }, element("h2", {}, t("hello")), isHome && element("p", {}, t("hello_home")), offers,
    isHome && toModels(t("hello_larger")), isModelMissing() && toModels(t("hello_none")),
    element("p", { class: "note keyboard" }, t("hello_keys")));
}

function fitMessage() {
  const field = byId("message");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}
