// The status view: what the server and its models do now, with two small plots of the last minutes.

import { call } from "./api.js";
import { button, byId, element, svg } from "./dom.js";
import { isText, megabytes, number, t } from "./i18n.js";
import { errorText } from "./message.js";
import { isLite } from "./store.js";

const POLL_MS = 2000;
const MOST_SAMPLES = 90;
// A server that has not answered yet counts nothing.
const NOTHING_YET = { prompt: 0, cached: 0, completion: 0 };
const samples = [];
let timer = null;

export async function showStatus() {
  clearTimeout(timer);
  const view = byId("view-status");
  try {
    const [status, health, logs] = await Promise.all([
      call("GET", "api/v1/status"), call("GET", "api/v1/health"), call("GET", "api/v1/logs").catch(() => ({ lines: [] }))]);
    sample(status, health);
    draw(view, status, health, logs.lines);
  } catch (error) {
    view.replaceChildren(element("p", { class: "error", role: "alert" }, errorText(error)), refreshButton());
  }
  if (!isLite() && !view.hidden) timer = setTimeout(showStatus, POLL_MS);
}

export function hideStatus() {
  clearTimeout(timer);
}

function sample(status, health) {
  const memory = health.engines.reduce((sum, engine) => sum + (engine.rss_mb ?? 0), health.api_rss_mb);
  samples.push({ at: performance.now(), memory, written: status.tokens.completion ?? 0 });
  if (samples.length > MOST_SAMPLES) samples.shift();
}

const refreshButton = () => button(t("refresh"), showStatus, { "data-focus": "refresh" });

function draw(view, status, health, lines) {
  const isLogOpen = view.querySelector(".log")?.open;
  const place = placeIn(view.querySelector(".log pre"));
  const isFocused = document.activeElement?.dataset?.focus === "refresh";
  const { memory } = status;
  const tokens = { ...NOTHING_YET, ...status.tokens };
  view.replaceChildren(
    element("h2", {}, t(`state_${health.status}`)),
    health.trouble ? element("p", { class: "error" }, health.trouble) : "",
    facts([
      ["uptime", duration(status.uptime_s)], ["memory_free", `${number(memory.available_mb / 1000, 1)} / ${megabytes(memory.total_mb)}`],
      ["memory_server", megabytes(status.api_rss_mb)], ["connections", number(status.connections)], ["answers", number(status.answers)],
      ["tokens_read", number(tokens.prompt)], ["tokens_cached", number(tokens.cached)], ["tokens_written", number(tokens.completion)],
    ]),
    ...health.engines.flatMap((engine) => engineBlock(engine, status.engines.find(({ model }) => model === engine.model))),
    ...(health.hybrid ? hybridBlock(health.hybrid) : []),
    isLite() ? "" : element("div", { class: "plots" }, plots()),
    lines.length ? logBlock(lines, isLogOpen) : "",
    element("p", { class: "note" }, `Pico-Qwen ${health.version}`), refreshButton());
  if (isLogOpen) view.querySelector(".log pre").scrollTop = place;
  if (isFocused) view.querySelector("[data-focus=refresh]").focus();
}

/** How far a pane is scrolled; its end, which is the newest, stays its end. */
function placeIn(pane) {
  const isAtEnd = !pane || pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 4;
  return isAtEnd ? Number.MAX_SAFE_INTEGER : pane.scrollTop;
}

function facts(pairs) {
  return element("dl", { class: "facts" }, pairs.map(([key, value]) => element("div", {}, element("dt", {}, t(key)), element("dd", {}, value))));
}

function engineBlock(engine, counters) {
  const words = { ready: "loaded", starting: "loading", failed: "broken" };
  const pairs = [["memory", engine.rss_mb ? megabytes(engine.rss_mb) : "–"], ["restarts", number(engine.restarts)]];
  if (counters && !counters.error) {
    pairs.push(["queue", number(counters.queued)], ["tokens_read", number(counters.prefilled_tokens)],
      ["tokens_cached", number(counters.cached_tokens)], ["tokens_written", number(counters.decoded_tokens)]);
  }
  return [element("h2", {}, engine.model, element("span", { class: engine.state === "ready" ? "badge good" : "badge" }, t(words[engine.state] ?? "not_loaded"))),
    engine.error ? element("p", { class: "error" }, engine.error) : "", facts(pairs)];
}

/** Who else may answer: how each is, how often another had to step in, and the money. */
function hybridBlock({ failovers, providers, budget }) {
  const dollars = (spent, most) => (most == null ? `$${number(spent ?? 0, 4)}` : `$${number(spent ?? 0, 4)} / $${number(most, 2)}`);
  const pairs = [["failovers", number(failovers)]];
  if (budget) pairs.push(["cost_today", dollars(budget.spent_today, budget.per_day)], ["cost_month", dollars(budget.spent_this_month, budget.per_month)]);
  const items = providers.map(({ name, model, condition, latency_ms: latency, answers, failures, error }) => {
    const said = [latency != null && `${number(latency)} ms`, `${t("answers")} ${number(answers)}`, failures && `${t("failures")} ${number(failures)}`, error];
    const title = model.startsWith(`${name}/`) ? model : `${name} – ${model}`;
    return element("li", {}, element("h3", {}, title, element("span", { class: condition === "healthy" ? "badge good" : "badge" }, conditionText(condition))),
      element("p", { class: "note" }, said.filter(Boolean).join(" · ")));
  });
  return [element("h2", {}, t("servers")), facts(pairs), element("ul", { class: "cards" }, items)];
}

const conditionText = (condition) => (isText(`cond_${condition}`) ? t(`cond_${condition}`) : condition);

function logBlock(lines, isOpen) {
  const pane = element("pre", { tabindex: "0", "aria-label": t("log") }, lines.join("\n"));
  const toEnd = () => { pane.scrollTop = pane.scrollHeight; };
  return element("details", { class: "log", open: isOpen }, element("summary", { onclick: () => requestAnimationFrame(toEnd) }, t("log")), pane);
}

function duration(seconds) {
  if (seconds < 60) return t("seconds", { s: Math.floor(seconds) });
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? t("minutes", { m: minutes }) : t("hours", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

function plots() {
  const rates = samples.slice(1).map(({ at, written }, index) =>
    Math.max(0, ((written - samples[index].written) * 1000) / (at - samples[index].at)));
  return [["memory_plot", samples.map(({ memory }) => memory)], ["speed_plot", rates]].map(([key, values]) => plot(t(key), values));
}

function plot(title, values) {
  if (values.length < 2) return null;
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, index) => `${(index * 100) / (values.length - 1)},${38 - (value / most) * 34}`).join(" ");
  const label = t("plot_label", { what: title, now: number(values.at(-1), 1), most: number(Math.max(...values), 1) });
  return element("div", {}, element("p", { class: "note", "aria-hidden": "true" }, label),
    svg("svg", { viewBox: "0 0 100 40", preserveAspectRatio: "none", class: "plot", role: "img", "aria-label": label },
      svg("polygon", { points: `0,40 ${points} 100,40` }), svg("polyline", { points })));
}
