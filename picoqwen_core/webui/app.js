// The page: which view is shown, the keyboard, the connection to the server, and the service worker.

import { call } from "./api.js";
import { edit, isAnswering, isEditing, newChat, offerRouting, redraw, retry, showModelChoices, startChat, stop, stopEditing } from "./chat.js";
import { readModels } from "./choice.js";
import { announce, askForKey, button, byId, dialogs, element } from "./dom.js";
import { isOpen, showHistory } from "./history.js";
import { applyTheme, followHouse } from "./house.js";
import { language, loadMore, loadTexts, t } from "./i18n.js";
import { errorText } from "./message.js";
import { isLite } from "./store.js";

const NOTHING = () => {};
// Fetched when they are first looked at: the chat alone is a third less to load.
const VIEWS = {
  chat: { show: NOTHING, hide: NOTHING },
  models: later(async () => { const view = await import("./models.js"); return [view.showModels, view.hideModels]; }),
  status: later(async () => { const view = await import("./status.js"); return [view.showStatus, view.hideStatus]; }),
  agents: later(async () => [(await import("./agents.js")).showAgents, NOTHING]),
};
const POLL_MS = 20_000;
const POLL_BROKEN_MS = 3000;
let bannerState = "ok";
let areModelsKnown = false;
let compiled = null;
// The server's at the first answer; another later means that this page is older than the server.
let version = null;
let isOutdated = false;

const KEYS = {
  "/": () => focusMessage(),
  n: () => { showHistory(false); newChat(); focusMessage(); },
  e: () => edit(),
  r: () => retry(),
  h: () => showHistory(true),
  s: () => openSettings(),
  "?": async () => (await dialogs())?.showShortcuts(),
  1: () => { location.hash = "#chat"; },
  2: () => { location.hash = "#models"; },
  3: () => { location.hash = "#status"; },
  4: () => { location.hash = "#agents"; },
};

/** A view whose code comes when it is shown. */
function later(load) {
  let hide = NOTHING;
  return {
    hide: () => hide(),
    async show() {
      const [, [show, hides]] = await Promise.all([loadMore(), load()]);
      hide = hides;
      // Another view may have been chosen while this one was on its way.
      if (currentView() === this) await show();
    },
  };
}

const wantedView = () => (location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "chat");
const currentView = () => VIEWS[wantedView()];

function showView(hasMoved = true) {
  const wanted = wantedView();
  for (const [name, view] of Object.entries(VIEWS)) {
    byId(`view-${name}`).hidden = name !== wanted;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === wanted) link.setAttribute("aria-current", "page");
    else {
      link.removeAttribute("aria-current");
      view.hide();
    }
  }
  document.body.dataset.view = wanted;
  document.title = wanted === "chat" ? "Pico-Qwen" : `${t(wanted)} – Pico-Qwen`;
  if (hasMoved && wanted !== "chat") byId(`view-${wanted}`).focus();
  VIEWS[wanted].show()?.catch((error) => {
    // The code of a newer version does not fit to what is running here.
    if (error instanceof SyntaxError) offerReload();
    byId(`view-${wanted}`).replaceChildren(element("p", { class: "error", role: "alert" }, error.code ? errorText(error) : t("error_offline")));
  });
}

function focusMessage() {
  // At once and not at the hash's change: what is typed next belongs in the field.
  if (byId("view-chat").hidden) {
    location.hash = "#chat";
    showView(false);
  }
  byId("message").focus();
}

function onKey(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (isOpen()) {
      showHistory(false);
      byId("show-history").focus();
    } else if (isAnswering()) stop();
    else if (isEditing()) stopEditing();
    else document.activeElement.blur();
    return;
  }
  const isTyping = event.target.matches("textarea, select, input:not([type=checkbox])");
  if (isTyping || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
}

async function openSettings() {
  if (!(await (await dialogs())?.showSettings())) return;
  applyTheme();
  await speak();
  await connect();
}

/** Say everything in the language that is now the right one. */
async function speak() {
  await loadTexts();
  redraw();
  showBanner(bannerState, true);
  showView(false);
}

/** Ask how the server is, say so in the banner, and ask again later. */
async function watchServer() {
  const isHidden = document.visibilityState === "hidden";
  if (!isHidden && !(isLite() && bannerState === "ok" && areModelsKnown)) await connect();
  setTimeout(watchServer, bannerState === "ok" ? POLL_MS : POLL_BROKEN_MS);
}

async function connect() {
  let state;
  try {
    const health = await call("GET", "api/v1/health");
    state = health.status;
    version ??= health.version;
    if (version !== health.version) offerReload();
    compiled = health.engines.find((engine) => engine.compiled)?.compiled;
    offerRouting(health.hybrid);
    if (!areModelsKnown || state !== bannerState) await readModels();
    areModelsKnown = true;
  } catch (error) {
    state = error.code === "unauthorized" ? "unauthorized" : "offline";
  }
  showBanner(state);
}

function showBanner(state, isForced = state === "starting") {
  if (state === bannerState && !isForced) return;
  const wasOffline = bannerState === "offline";
  bannerState = state;
  const banner = byId("banner");
  if (isOutdated && state === "ok") {
    offerReload();
    return;
  }
  banner.hidden = state === "ok";
  banner.dataset.state = state;
  banner.classList.toggle("calm", state === "starting" || state === "unauthorized");
  const texts = { offline: t("offline"), starting: compiled ? t("compiling", { done: compiled[0], of: compiled[1] }) : t("starting"), degraded: t("degraded"), unauthorized: t("error_key") };
  const giveKey = button(t("key"), async () => (await askForKey()) && connect(), { class: "small" });
  banner.replaceChildren(texts[state] ?? "", ...(state === "unauthorized" ? [giveKey] : []));
  if (!wasOffline || state !== "ok") return;
  announce(t("back"));
  // What could not be shown can be now.
  if (wantedView() !== "chat") showView(false);
}

/** The offline shell. Needs https or localhost; without it the page works and does not open offline. */
async function startServiceWorker() {
  if (!navigator.serviceWorker) return;
  const hadOne = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => hadOne && offerReload());
  const policy = window.trustedTypes?.createPolicy("picoqwen", { createScriptURL: (url) => url });
  const url = isLite() ? `service-worker.js?lite=${language()}` : "service-worker.js";
  try {
    await navigator.serviceWorker.register(policy ? policy.createScriptURL(url) : url);
  } catch (error) {
    console.warn("no offline shell:", error.message);
  }
}

function offerReload() {
  isOutdated = true;
  const banner = byId("banner");
  banner.hidden = false;
  banner.dataset.state = "outdated";
  banner.classList.add("calm");
  banner.replaceChildren(t("updated"), button(t("reload"), () => location.reload(), { class: "small" }));
}

async function start() {
  applyTheme();
  await loadTexts();
  startChat();
  byId("show-settings").addEventListener("click", openSettings);
  document.addEventListener("keydown", onKey);
  document.addEventListener("models", showModelChoices);
  window.addEventListener("hashchange", () => showView());
  window.addEventListener("offline", () => showBanner("offline"));
  window.addEventListener("online", connect);
  followHouse(speak);
  showView(false);
  await watchServer();
  await startServiceWorker();
}

start();
