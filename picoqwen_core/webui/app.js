// The page: which view is shown, the keyboard, the connection to the server, and the service worker.

import { call } from "./api.js";
import { edit, isAnswering, newChat, renderHistory, retry, showHistory, showModelChoices, startChat, stop } from "./chat.js";
import { announce, button, byId } from "./dom.js";
import { loadTexts, t } from "./i18n.js";
import { hideModels, readModels, showModels } from "./models.js";
import { applyTheme, askForKey, showSettings, showShortcuts } from "./settings.js";
import { hideStatus, showStatus } from "./status.js";
import { isLite } from "./store.js";

const NOTHING = () => {};
const VIEWS = {
  chat: { show: NOTHING, hide: NOTHING },
  models: { show: showModels, hide: hideModels },
  status: { show: showStatus, hide: hideStatus },
};
const POLL_MS = 20_000;
const POLL_BROKEN_MS = 3000;
let bannerState = "ok";
let areModelsKnown = false;

const KEYS = {
  "/": () => focusMessage(),
  n: () => { newChat(); focusMessage(); },
  e: () => edit(),
  r: () => retry(),
  h: () => showHistory(true),
  s: () => openSettings(),
  "?": () => showShortcuts(),
  1: () => { location.hash = "#chat"; },
  2: () => { location.hash = "#models"; },
  3: () => { location.hash = "#status"; },
};

function showView(hasMoved = true) {
  const wanted = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "chat";
  for (const [name, view] of Object.entries(VIEWS)) {
    byId(`view-${name}`).hidden = name !== wanted;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === wanted) link.setAttribute("aria-current", "page");
    else {
      link.removeAttribute("aria-current");
      view.hide();
    }
  }
  document.title = wanted === "chat" ? "Pico-Qwen" : `${t(wanted)} – Pico-Qwen`;
  if (hasMoved && wanted !== "chat") byId(`view-${wanted}`).focus();
  VIEWS[wanted].show();
}

function focusMessage() {
  location.hash = "#chat";
  setTimeout(() => byId("message").focus());
}

function onKey(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (byId("history").classList.contains("open")) {
      showHistory(false);
      byId("show-history").focus();
    } else if (isAnswering()) stop();
    else document.activeElement.blur();
    return;
  }
  const isTyping = event.target.matches("textarea, select, input:not([type=checkbox])");
  if (isTyping || !Object.hasOwn(KEYS, event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
}

async function openSettings() {
  if (!(await showSettings())) return;
  applyTheme();
  await loadTexts();
  renderHistory();
  showView(false);
  await connect();
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
    state = (await call("GET", "api/v1/health")).status;
    if (!areModelsKnown || state !== bannerState) await readModels();
    areModelsKnown = true;
  } catch (error) {
    state = error.code === "unauthorized" ? "unauthorized" : "offline";
  }
  showBanner(state);
}

function showBanner(state) {
  if (state === bannerState) return;
  const wasOffline = bannerState === "offline";
  bannerState = state;
  const banner = byId("banner");
  banner.hidden = state === "ok";
  banner.classList.toggle("calm", state === "starting" || state === "unauthorized");
  const texts = { offline: t("offline"), starting: t("starting"), degraded: t("degraded"), unauthorized: t("error_key") };
  const giveKey = button(t("key"), async () => (await askForKey()) && connect(), { class: "small" });
  banner.replaceChildren(texts[state] ?? "", ...(state === "unauthorized" ? [giveKey] : []));
  if (wasOffline && state === "ok") announce(t("back"));
}

/** The offline shell. Needs https or localhost; without it the page works and does not open offline. */
async function startServiceWorker() {
  if (!navigator.serviceWorker) return;
  const hadOne = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => hadOne && offerReload());
  const policy = window.trustedTypes?.createPolicy("picoqwen", { createScriptURL: (url) => url });
  const url = "service-worker.js";
  try {
    await navigator.serviceWorker.register(policy ? policy.createScriptURL(url) : url);
  } catch (error) {
    console.warn("no offline shell:", error.message);
  }
}

function offerReload() {
  const banner = byId("banner");
  banner.hidden = false;
  banner.classList.add("calm");
  banner.replaceChildren(t("updated"), button(t("reload"), () => location.reload(), { class: "small" }));
}

async function start() {
  document.documentElement.classList.add("scripted");
  applyTheme();
  await loadTexts();
  startChat();
  byId("show-settings").addEventListener("click", openSettings);
  document.addEventListener("keydown", onKey);
  document.addEventListener("models", showModelChoices);
  window.addEventListener("hashchange", () => showView());
  window.addEventListener("offline", () => showBanner("offline"));
  window.addEventListener("online", connect);
  showView(false);
  await watchServer();
  await startServiceWorker();
}

start();
