// The models view: what is installed and what there is; load, unload, delete, download.

import { call } from "./api.js";
import { chosenModel, knownModels, readModels } from "./choice.js";
import { announce, button, byId, confirmed, element } from "./dom.js";
import { megabytes, number, t } from "./i18n.js";
import { errorText } from "./message.js";
import { saveSettings } from "./store.js";

const MINUTES_TO_LOAD = 15;
const POLL_MS = 1000;
let timer = null;

export async function showModels() {
  await refresh();
}

export function hideModels() {
  clearTimeout(timer);
}

async function refresh() {
  clearTimeout(timer);
  const view = byId("view-models");
  try {
    const [catalog, downloads] = await Promise.all([
      call("GET", "api/v1/catalog"), call("GET", "api/v1/downloads").catch(() => ({ data: [] })), readModels()]);
    draw(view, catalog, downloads.data);
    const isBusy = downloads.data.some(isRunning) || knownModels().some(({ state }) => state === "starting");
    if (isBusy && !view.hidden) timer = setTimeout(refresh, POLL_MS);
  } catch (error) {
    view.replaceChildren(problem(error));
  }
}

const recommendedFirst = (one, other) => Number(other.recommended) - Number(one.recommended);

const isRunning = ({ state }) => state === "waiting" || state === "running";

function draw(view, { machine, data: offers }, jobs) {
  // Whoever is typing or tabbing here is not to lose the place when the list is drawn again.
  const focused = document.activeElement?.dataset?.focus;
  const typed = byId("repository")?.value ?? "";
  view.replaceChildren(
    element("h2", {}, t("installed")),
    element("ul", { class: "cards" }, knownModels().map(installedCard)),
    jobs.length ? element("h2", {}, t("downloads")) : "",
    element("ul", { class: "cards" }, jobs.map(jobCard)),
    element("h2", {}, t("catalogue")),
    element("p", { class: "note" }, t("for_machine", { memory: megabytes(machine.memory_mb), cores: machine.cores })),
    element("ul", { class: "cards" }, offers.filter(({ installed }) => !installed).sort(recommendedFirst).map(offerCard)),
    otherForm(typed));
  if (focused) view.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function card(title, badges, facts, actions) {
  return element("li", { class: "model" }, element("h3", {}, title, badges), element("p", { class: "note" }, facts.filter(Boolean).join(" · ")),
    element("div", { class: "acts" }, actions));
}

const badge = (text, isGood) => element("span", { class: isGood ? "badge good" : "badge" }, text);

function act(key, id, work, attributes = {}) {
  return button(t(key), (event) => perform(event.target, work), { "data-focus": `${key} ${id}`, "aria-label": `${t(key)}: ${id}`, ...attributes });
}

async function perform(pressed, work) {
  pressed.disabled = true;
  try {
    await work();
    await refresh();
  } catch (error) {
    pressed.disabled = false;
    byId("view-models").prepend(problem(error));
    byId("view-models").scrollTop = 0;
  }
}

const problem = (error) => element("p", { class: "error", role: "alert" }, errorText(error));

function installedCard(model) {
  const { id, state } = model;
  const path = `api/v1/models/${encodeURIComponent(id)}`;
  const words = { ready: "loaded", starting: "loading", failed: "broken" };
  const isUsed = id === chosenModel()?.id;
  const badges = [badge(t(words[state] ?? "not_loaded"), model.loaded), model.built_in && badge(t("built_in")), isUsed && badge(t("used"), true)];
  const facts = [megabytes(model.size / 1e6), model.quantization, model.context_length && t("context", { count: number(model.context_length) }),
    model.memory_mb && t("in_memory", { memory: megabytes(model.memory_mb) }), model.error];
  const signal = () => AbortSignal.timeout(MINUTES_TO_LOAD * 60_000);
  const actions = isUsed ? [] : [act("use", id, () => use(id), { class: "main" })];
  if (state === "starting") return card(id, badges, facts, actions);
  if (!model.loaded) actions.push(act("load", id, () => call("POST", `${path}/load`, {}, { signal: signal() })));
  else if (!model.built_in) actions.push(act("unload", id, () => call("POST", `${path}/unload`, {})));
  if (!model.built_in) actions.push(act("delete", id, () => remove(id, path), { class: "bad" }));
  return card(id, badges, facts, actions);
}

function use(id) {
  saveSettings({ model: id });
  location.hash = "#chat";
}

async function remove(id, path) {
  if (await confirmed(t("delete_sure", { name: id }), t("delete"), t("cancel"))) await call("DELETE", path);
}

function offerCard(offer) {
  const badges = [offer.recommended && badge(t("recommended"), true), !offer.fits && badge(t("too_large"))];
  const needs = t("needs", { size: megabytes(offer.size / 1e6), memory: megabytes(offer.memory_mb) });
  return card(offer.id, badges, [needs], [act("download", offer.id, () => download({ model: offer.id }), { disabled: !offer.fits })]);
}

async function download(what) {
  await call("POST", "api/v1/downloads", what);
  announce(t("state_running"));
}

function jobCard(job) {
  const name = job.model ?? job.file ?? job.repository;
  const bar = element("progress", { max: job.size || 1, value: job.size ? job.received : null, "aria-label": name });
  const facts = [job.size && t("of", { received: megabytes(job.received / 1e6), size: megabytes(job.size / 1e6) }), job.error?.message];
  const cancel = act("cancel", job.id, () => call("DELETE", `api/v1/downloads/${encodeURIComponent(job.id)}`));
  const again = act("retry", job.id, () => download({ repository: job.repository, file: job.file }));
  const actions = isRunning(job) ? [bar, cancel] : job.state === "done" ? [] : [again];
  return card(name, badge(t(`state_${job.state}`), job.state === "done"), facts, actions);
}

function otherForm(typed) {
  const field = element("input", { id: "repository", required: true, value: typed, placeholder: "Qwen/Qwen3-0.6B-GGUF", "data-focus": "repository" });
  const submit = element("button", {}, t("download"));
  return element("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const repository = field.value.trim();
      perform(submit, () => download({ repository })).then(() => { field.value = ""; });
    },
  }, element("h2", {}, t("other_model")), element("div", { class: "acts" }, element("label", { class: "sr", for: "repository" }, t("repository")), field, submit));
}
