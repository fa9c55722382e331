// The server's API: one place for the key, for errors, and for reading streams. All URLs are relative (ingress).

import { settings } from "./store.js";

/** What went wrong, with the server's own words; code "offline" where no answer came at all. */
export class ApiError extends Error {
  constructor(message, status, code) {
    super(message);
    Object.assign(this, { status, code });
  }
}

const SECONDS = 30;
// The server ends an answer that does not go on before this; when it is the network that went away, nobody tells.
const MOST_SILENT_MS = 10 * 60_000;

/** The JSON answer. Raises ApiError; AbortError when `signal` says so. */
export async function call(method, path, body, { signal = AbortSignal.timeout(SECONDS * 1000) } = {}) {
  const response = await send(method, path, body, signal);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // Something between here and the server has answered in its place, or what it said did not arrive.
    throw new ApiError("", response.status, "offline");
  }
}

/** The events of a streamed answer, as objects, to its end. Raises like call. */
export async function* events(path, body, signal) {
  const response = await send("POST", path, body, signal);
  let rest = "";
  let ended = false;
  for await (const piece of pieces(response, signal)) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data === "[DONE]") ended = true;
      else if (block.startsWith("event: error")) throw fromBody(JSON.parse(data), response.status);
      else if (data) yield JSON.parse(data);
    }
  }
  if (!ended) throw new ApiError("", 0, "cut_off");
}

async function* pieces(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let next = await soon(reader.read()); !next.done; next = await soon(reader.read())) yield next.value;
  } catch (error) {
    throw signal.aborted ? error : new ApiError("", 0, "cut_off");
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function soon(reading) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new ApiError("", 0, "cut_off")), MOST_SILENT_MS); });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function send(method, path, body, signal) {
  const headers = settings.key ? { Authorization: `Bearer ${settings.key}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("", 0, "offline");
  }
  if (response.ok) return response;
  throw fromBody(await response.json().catch(() => ({})), response.status);
}

function fromBody(body, status) {
  const error = body?.error ?? {};
  // A proxy whose server is gone answers with a page of its own.
  const code = error.code ?? (status >= 500 ? "offline" : "");
  return new ApiError(error.message ?? `HTTP ${status}`, status, code);
}
