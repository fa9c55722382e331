// One message of a conversation as it is shown: text, folded thinking, what tools did, how fast it was.
//
// A message is {role, content, reasoning?, calls?: [{name, args, result?}], stats?, error?}.

import { button, element } from "./dom.js";
import { number, t } from "./i18n.js";
import { markdown } from "./markdown.js";

/** A list item; `actions` maps edit, retry, copy to what they do, where they are offered. */
export function messageItem(message, actions = {}) {
  const isUser = message.role === "user";
  const item = element("li", { class: message.role }, element("h2", {}, isUser ? t("you") : message.model || t("answer")));
  if (message.reasoning) item.append(thought(message));
  if (message.calls?.length) item.append(element("ul", { class: "did" }, message.calls.map(callItem)));
  if (isUser) item.append(element("div", { class: "text plain" }, message.content));
  else if (message.content || message.isWaiting) {
    item.append(element("div", { class: message.isWaiting ? "text waiting" : "text" }, markdown(message.content)));
  }
  if (message.note) item.append(element("p", { class: "note" }, t(message.note)));
  if (message.served) item.append(element("p", { class: "note served" }, servedText(message.served)));
  if (message.stats) item.append(element("p", { class: "stats" }, statsText(message.stats)));
  const offered = Object.entries(actions).map(([name, act]) => button(t(name), act, { class: "small" }));
  if (offered.length) item.append(element("div", { class: "acts" }, offered));
  return item;
}

/** An error in the place of an answer, with what can be done about it. */
export function errorItem(error, actions) {
  const offered = Object.entries(actions).map(([name, act]) => button(t(name), act, { class: "small" }));
  return element("li", { class: "error", role: "alert" }, errorText(error), element("div", { class: "acts" }, offered));
}

/** What to say of an ApiError; the server's own words where it has any that say more. */
export function errorText({ code, message }) {
  const known = {
    offline: t("error_offline"),
    cut_off: t("error_cut_off"),
    unauthorized: t("error_key"),
    engine_unavailable: t("error_starting"),
    context_length_exceeded: t("error_long"),
  }[code];
  const isBusy = ["busy", "rate_limited", "too_many_connections", "insufficient_memory"].includes(code);
  const said = known ?? (isBusy ? t("error_busy") : "");
  const isEnough = !message || ["offline", "cut_off", "unauthorized"].includes(code);
  return isEnough ? said || code : [said, message].filter(Boolean).join(" ");
}

function thought(message) {
  const isNow = message.isWaiting && !message.content;
  return element("details", {},
    element("summary", {}, isNow ? t("thinking_now") : t("thought")),
    element("div", { class: "thought text" }, markdown(message.reasoning)));
}

function callItem({ name, args, result }) {
  const short = name.split("__").pop();
  const key = `did_${short}`;
  const what = result?.data?.success?.map((each) => each.name).join(", ") || args.name || args.area || "";
  const isKnown = t(key) !== key;
  const value = args.brightness == null ? what : `${what} (${number(args.brightness)} %)`;
  const text = result?.error ? t("did_nothing", { what: result.error }) : isKnown ? t(key, { what: value }) : t("did_other", { name: short });
  return element("li", {}, element("details", {}, element("summary", {}, text),
    element("code", {}, `${name} ${JSON.stringify(args)}`)));
}

/** Who answered, and why it was that one. */
function servedText({ rung, provider, model, reason, notes = [], cost }) {
  const who = rung ? t(`rung_${rung}`) : provider === "local" ? t("rung_local") : provider;
  const parts = [t("answered_by", { who: model && model !== who ? `${who}, ${model}` : who }), reasonText(reason ?? ""), ...notes];
  if (cost) parts.push(`$${number(cost, 6)}`);
  return parts.filter(Boolean).join(" · ");
}

// The server's reasons are English sentences; those that tell no more than a setting have words of the page's own.
function reasonText(reason) {
  const [, strategy] = /^routing is (\w+)$/.exec(reason) ?? [];
  if (strategy) return `${t("routing")}: ${t(strategy)}`;
  const known = { "the request names it": "why_named", "no other server is to be asked": "why_only", "it is the first rung": "by_rung" }[reason];
  // Said of fixed rules, which are a reason by themselves.
  if (reason === "it made the calls") return "";
  return known ? t(known) : reason;
}

function statsText({ tokens, firstMs, rate, prompt, cached }) {
  const time = firstMs < 1000 ? `${number(firstMs)} ms` : `${number(firstMs / 1000, 1)} s`;
  const parts = [t("tokens", { count: number(tokens) }), t("first_after", { time })];
  if (rate) parts.unshift(t("tokens_second", { count: number(rate, rate < 10 ? 1 : 0) }));
  if (cached) parts.push(t("cached", { count: number(cached), all: number(prompt) }));
  return parts.join(" · ");
}
