// The agents view: the flows of the server, one run with its steps as they happen, and the runs before it.

import { call, events } from "./api.js";
import { announce, button, byId, copyButton, element } from "./dom.js";
import { isText, number, t } from "./i18n.js";
import { errorText, textBox } from "./message.js";
import { grow } from "./markdown.js";

const MOST_RUNS = 10;
let running = null;

export async function showAgents() {
  // A run that goes on while another page is looked at keeps its place.
  if (running) return;
  const view = byId("view-agents");
  try {
    if ((await call("GET", "api/v1/health")).agents === false) {
      view.replaceChildren(element("h2", {}, t("agents")), note(t("agents_off")));
      return;
    }
    const { flows } = await call("GET", "api/v1/flows");
    view.replaceChildren(element("h2", {}, t("agents")), flows.length ? form(flows) : note(t("no_agents")),
      element("section", { id: "run", "aria-label": t("result") }), element("section", { id: "runs" }));
    if (flows.length) await showRuns();
  } catch (error) {
    const isOld = error.status === 404;
    view.replaceChildren(element("h2", {}, t("agents")), isOld ? note(t("no_agents")) : problem(error));
  }
}

const note = (text) => element("p", { class: "note" }, text);
const problem = (error) => element("p", { class: "error", role: "alert" }, errorText(error));

function form(flows) {
  const about = note(aboutFlow(flows[0]));
  const choice = element("select", { id: "flow", onchange: () => { about.textContent = aboutFlow(chosen()); } },
    flows.map(({ name }) => element("option", { value: name }, word("flow", name))));
  const chosen = () => flows.find(({ name }) => name === choice.value);
  const task = element("textarea", { id: "task", rows: 3, required: true });
  const stop = button(t("stop"), () => running?.abort(), { id: "stop-run", hidden: true });
  return element("form", {
    class: "panel",
    onsubmit: (event) => {
      event.preventDefault();
      if (!running && task.value.trim()) run(choice.value, task.value.trim());
    },
  }, element("label", { class: "row" }, t("agent"), choice), about, element("label", { class: "above" }, t("task"), task),
  element("div", { class: "acts" }, element("button", { class: "main", id: "start-run" }, t("run")), stop));
}

// Those that come with the server have names in the page's language; others say what they are themselves.
const word = (kind, name) => (isText(`${kind}_${name}`) ? t(`${kind}_${name}`) : name);
const aboutFlow = ({ name, description }) => (isText(`about_${name}`) ? t(`about_${name}`) : description);

const run = (flow, input) => follow(flow, `api/v1/flows/${encodeURIComponent(flow)}/runs`, { input, stream: true });

async function follow(flow, path, body) {
  const steps = element("ol", { class: "steps", "aria-live": "polite" });
  const fold = element("details", { open: true }, element("summary", {}, t("steps")), steps);
  const showStep = stepShower(steps);
  const output = element("div", { class: "text waiting" });
  byId("run").replaceChildren(element("h2", {}, word("flow", flow)), fold, output);
  running = new AbortController();
  setRunning(true);
  let text = "";
  let result = null;
  try {
    for await (const event of events(path, body, running.signal)) {
      if (event.type === "delta") grow(output, text += event.text ?? "");
      else if (event.type === "done") result = event;
      else if (event.type === "error") throw Object.assign(new Error(event.message), { code: "" });
      else if (event.type !== "started") showStep(event);
    }
  } catch (error) {
    if (error.name === "AbortError") steps.append(element("li", {}, t("stopped")));
    else if (!result) byId("run").append(problem(error));
  }
  output.classList.remove("waiting");
  fold.hidden = !steps.childElementCount;
  running = null;
  setRunning(false);
  if (result) {
    // The answer is what was wanted; how it came about can be unfolded.
    fold.open = false;
    fold.firstChild.textContent = `${t("steps")} (${steps.childElementCount})`;
    showResult(output, result);
  }
  await showRuns().catch(() => {});
}

function showResult(output, { output: text, state, sources = [], limits_hit: limits = [], usage = {} }) {
  grow(output, text);
  const links = sources.map(({ title, url }) => element("li", {}, link(title || url, url)));
  const used = Object.entries(usage).filter(([, value]) => typeof value === "number" && value > 0)
    .map(usedText);
  byId("run").append(...[
    links.length > 0 && element("h3", {}, t("sources")), links.length > 0 && element("ul", { class: "sources" }, links),
    text && copyButton(() => text), note([t(`run_${state}`), ...limits, ...used].join(" · "))].filter(Boolean));
  announce(text);
}

function usedText([name, value]) {
  if (name === "seconds") return `${number(value, 1)} s`;
  if (name === "cost") return `$${number(value, 6)}`;
  const key = { steps: "steps", prompt_tokens: "tokens_read", completion_tokens: "tokens_written" }[name];
  return `${key ? t(key) : name} ${number(value)}`;
}

function link(text, url) {
  const isWeb = /^https?:\/\//.test(url);
  return isWeb ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text) : text;
}

/** Appends steps; what became of a call is told where the call stands. */
function stepShower(steps) {
  const calls = new Map();
  return (event) => {
    const call = event.type === "tool" ? JSON.stringify([event.tool, event.arguments]) : null;
    const line = event.state === "called" ? null : calls.get(call);
    if (line) line.textContent = stepText(event);
    else steps.append(element("li", {}, stepText(event)));
    if (call) calls.set(call, line ?? steps.lastChild);
  };
}

function stepText({ type, name, text, tool, arguments: given = {}, state, reason, message, limit }) {
  if (type === "limit") return message ?? limit;
  if (type !== "tool") return name ? [word("step", name), text ?? reason].filter(Boolean).join(": ") : message ?? type;
  const call = [state === "called" ? t("did_other", { name: tool }) : tool, ...Object.values(given).slice(0, 1)].join(": ");
  return state === "called" ? call : `${call} – ${t(`run_${state}`)}${reason ? ` (${reason})` : ""}`;
}

function setRunning(is) {
  const start = byId("start-run");
  if (!start) return;
  start.disabled = is;
  byId("stop-run").hidden = !is;
}

async function showRuns() {
  const { runs } = await call("GET", `api/v1/flows/runs?limit=${MOST_RUNS}`);
  byId("runs")?.replaceChildren(...(runs.length ? [element("h2", {}, t("runs_before")), element("ul", { class: "cards" }, runs.map(runItem))] : []));
}

function runItem({ id, flow, state, input, output }) {
  const goOn = () => running || follow(flow, `api/v1/flows/runs/${encodeURIComponent(id)}/resume`, { stream: true });
  const title = [word("flow", flow), element("span", { class: state === "done" ? "badge good" : "badge" }, t(`run_${state}`))];
  return element("li", {}, element("h3", {}, title), element("details", {}, element("summary", {}, input ?? flow), textBox(output ?? "")), state === "interrupted" && button(t("go_on"), goOn));
}
