// One answer of the server: asked for, read as it comes, with the example home's tools run in between.

import { ApiError, call, events } from "./api.js";

const MOST_ROUNDS = 5;
// The server takes a thousand; what a model can read is less by far.
const MOST_SENT = 500;
// Below these, the pieces came at once and say nothing about speed.
const LEAST_MS_FOR_RATE = 50;
const LEAST_TOKENS_FOR_RATE = 8;

/**
 * Fill `message` with the answer to `talk`; `changed` is called whenever it has grown.
 * options: {model, thinking, example, stream}. Raises ApiError; AbortError when `signal` says so.
 */
export async function ask(talk, message, options, signal, changed) {
  const start = performance.now();
  const turns = wire(talk);
  const times = { first: null, decoding: 0 };
  const usage = { prompt_tokens: 0, completion_tokens: 0, cached: 0 };
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const body = await request(turns, options);
    const turn = { role: "assistant", content: "", tool_calls: [] };
    let began = null;
    for await (const piece of answers(body, options.stream, signal)) {
      began ??= performance.now();
      take(piece, turn, message, usage);
      changed();
    }
    times.first ??= began;
    times.decoding += performance.now() - began;
    if (!turn.tool_calls.length || !options.example) {
      message.calls = [...(message.calls ?? []), ...turn.tool_calls.map(parsed)];
      break;
    }
    const { act } = await import("./home.js");
    turns.push(turn, ...turn.tool_calls.map((each) => run(each, message, act)));
    changed();
  }
  message.stats = stats(usage, start, times);
}

// The example home is fetched by those who try it.
async function request(turns, { model, thinking, example, routing, stream }) {
  const body = { messages: turns, stream };
  if (model) body.model = model;
  if (stream) body.stream_options = { include_usage: true };
  if (thinking) body.enable_thinking = thinking === "on";
  if (routing) body.routing = routing;
  return example ? { ...body, ...(await import("./home.js")).homeFields() } : body;
}

/** The conversation as the API wants it; tools of earlier turns and thinking are not sent again. */
function wire({ system, messages }) {
  const said = messages.filter(({ content }) => content).map(({ role, content }) => ({ role, content })).slice(-MOST_SENT);
  if (said[0]?.role === "assistant") said.shift();
  return system.trim() ? [{ role: "system", content: system.trim() }, ...said] : said;
}

/** Deltas, be it that the whole answer is the only one. */
async function* answers(body, isStreamed, signal) {
  if (isStreamed) {
    yield* events("api/v1/chat", body, signal);
    return;
  }
  const { choices: [{ message, finish_reason }], usage, model, picoqwen } = await call("POST", "api/v1/chat", body, { signal });
  yield { model, picoqwen, choices: [{ delta: message, finish_reason }], usage };
}

function take({ model, choices: [choice], usage, picoqwen: served }, turn, message, total) {
  const delta = choice?.delta ?? {};
  message.model = model ?? message.model;
  message.served = served ?? message.served;
  turn.content += delta.content ?? "";
  message.content += delta.content ?? "";
  message.reasoning = (message.reasoning ?? "") + (delta.reasoning_content ?? "");
  turn.tool_calls.push(...(delta.tool_calls ?? []));
  if (choice?.finish_reason === "length") message.note = "too_long";
  if (!usage) return;
  total.prompt_tokens += usage.prompt_tokens;
  total.completion_tokens += usage.completion_tokens;
  total.cached += usage.prompt_tokens_details?.cached_tokens ?? 0;
}

// A model may write anything there.
function parsed({ function: { name, arguments: text } }) {
  try {
    const args = JSON.parse(text || "{}");
    return { name, args: args && typeof args === "object" ? args : { value: args } };
  } catch {
    return { name, args: { value: text } };
  }
}

function run(toolCall, message, act) {
  const { name, args } = parsed(toolCall);
  const result = act(name, args);
  message.calls = [...(message.calls ?? []), { name, args, result }];
  return { role: "tool", tool_call_id: toolCall.id, name, content: JSON.stringify(result) };
}

function stats({ prompt_tokens: prompt, completion_tokens: tokens, cached }, start, { first, decoding }) {
  if (first === null) throw new ApiError("", 0, "cut_off");
  const rate = tokens >= LEAST_TOKENS_FOR_RATE && decoding >= LEAST_MS_FOR_RATE ? ((tokens - 1) * 1000) / decoding : null;
  return { tokens, firstMs: Math.round(first - start), rate, prompt, cached };
}
