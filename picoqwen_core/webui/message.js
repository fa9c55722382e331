// One message of a conversation as it is shown: text, folded thinking, what tools did, who answered and how fast.
//
// A message is {role, content, reasoning?, calls?: [{name, args, result?}], stats?, served?, note?, isWaiting?}.

import { button, copyButton, element, iconButton } from "./dom.js";
import { isText, number, t } from "./i18n.js";
import { grow, markdown } from "./markdown.js";

/** Its list item, and how that is brought up to date; nothing is made anew that is as it was. */
export function shown(message) {
  const isUser = message.role === "user";
  const text = element("div", { class: isUser ? "text plain" : "text", dir: isUser && "auto" });
  const foot = element("div", { class: "foot" });
  const name = element("h2", { class: isUser && "sr" }, isUser ? t("you") : "");
  const above = isUser ? null : aboveAnswer(message);
  const item = element("li", { class: message.role }, name, above?.parts, text, foot);
  return {
    item,
    /** While the answer grows. */
    grow() {
      if (isUser) {
        text.textContent = message.content;
        return;
      }
      name.textContent = message.model || t("answer");
      above.grow();
      text.classList.toggle("waiting", message.isWaiting === true);
      text.hidden = !message.content && !message.isWaiting;
      grow(text, message.content);
    },
    /** `actions` maps edit and retry to what they do, where they are offered; null while the answer comes. */
    end(actions, hasNote) {
      const offered = Object.entries(actions ?? {}).map(([key, act]) => iconButton(key, t(key), act));
      const copies = actions && !isUser && message.content && copyButton(() => message.content);
      foot.replaceChildren(...[
        hasNote && message.note && element("p", { class: "note whole" }, t(message.note)),
        element("div", { class: "acts" }, copies, offered),
        message.stats && element("p", { class: "stats" }, statsText(message.stats)),
        message.served && element("p", { class: "served" }, servedText(message.served))].filter(Boolean));
    },
  };
}

/** What was thought and done before the answer. */
function aboveAnswer(message) {
  const summary = element("summary", {});
  const thought = element("div", { class: "thought text" });
  const fold = element("details", { class: "thinking", hidden: true }, summary, thought);
  const did = element("ul", { class: "did", hidden: true });
  return {
    parts: [fold, did],
    grow() {
      fold.hidden = !message.reasoning;
      summary.textContent = message.isWaiting && !message.content ? t("thinking_now") : t("thought");
      grow(thought, message.reasoning ?? "");
      const calls = message.calls ?? [];
      did.hidden = !calls.length;
      for (const each of calls.slice(did.childElementCount)) did.append(callItem(each));
    },
  };
}

/** An error in the place of an answer, with what can be done about it. */
export function errorItem(error, actions) {
  const offered = Object.entries(actions).map(([name, act]) => button(t(name), act, { class: "small" }));
  return element("li", {}, element("div", { class: "error", role: "alert" }, errorText(error), element("div", { class: "acts" }, offered)));
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
  if (!message || ["offline", "cut_off", "unauthorized"].includes(code)) return said || code;
  return said ? `${said} (${message})` : message;
}

function callItem({ name, args, result }) {
  const short = name.split("__").pop();
  const key = `did_${short}`;
  const what = result?.data?.success?.map((each) => each.name).join(", ") || args.name || args.area || "";
  const value = args.brightness == null ? what : `${what} (${number(args.brightness)} %)`;
  const text = result?.error ? t("did_nothing", { what: result.error }) : isText(key) ? t(key, { what: value }) : t("did_other", { name: short });
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

/** Markdown in a box of its own. */
export const textBox = (text) => element("div", { class: "text" }, markdown(text));
