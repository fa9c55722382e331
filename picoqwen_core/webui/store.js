// What is kept on this device: settings and conversations, in localStorage. Nothing of it is sent anywhere by itself.
//
// Other tabs keep theirs in the same place, so it is read anew before it is written.

// Apps behind ingress share an origin, so the name says whose this is.
const SETTINGS = "picoqwen.settings";
const TALKS = "picoqwen.conversations";
const MOST_TALKS = 50;

const DEFAULTS = { language: "", theme: "", lite: null, key: "", model: "", thinking: "", routing: "", example: false };

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export const settings = { ...DEFAULTS, ...keptSettings() };
let isKeeping = write(SETTINGS, keptSettings());
let talks = kept();

/** False in a private window that keeps nothing, and where there is no room even for one conversation. */
export const isStored = () => isKeeping;

export function saveSettings(changes) {
  Object.assign(settings, changes);
  write(SETTINGS, { ...keptSettings(), ...changes });
}

function keptSettings() {
  const found = read(SETTINGS);
  return found && typeof found === "object" && !Array.isArray(found) ? found : {};
}

/** Whole answers, no plots, no asking in the background; chosen, or what the browser says of the connection. */
export const isLite = () => settings.lite ?? navigator.connection?.saveData === true;

export const conversations = () => talks;

const newId = () => `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;

export const newConversation = () => ({ id: newId(), title: "", system: "", messages: [] });

/** Keep a conversation as the newest; the oldest go where there are too many or no room. */
export function keep(talk) {
  talk.title ||= talk.messages.find((message) => message.role === "user")?.content.slice(0, 80) ?? "";
  const others = present();
  const other = others.find(({ id }) => id === talk.id);
  // Another tab has gone on with it meanwhile: both are kept.
  if (other && other.version !== talk.version) talk.id = newId();
  talk.version = newId();
  talks = [talk, ...others.filter(({ id }) => id !== talk.id)].slice(0, MOST_TALKS);
  if (isKeeping) store();
}

export function forget(id) {
  talks = present().filter((talk) => talk.id !== id);
  write(TALKS, talks);
}

export function forgetAll() {
  talks = [];
  write(TALKS, talks);
}

/** Calls when another tab has changed the conversations. */
export function watchOthers(changed) {
  window.addEventListener("storage", ({ key }) => {
    if (key !== TALKS && key !== null) return;
    talks = kept();
    changed();
  });
}

const present = () => (isKeeping ? kept() : talks);

function store() {
  for (let count = talks.length; count > 0; count -= 1) {
    if (write(TALKS, talks.slice(0, count))) {
      talks.length = count;
      return;
    }
  }
  isKeeping = false;
}

/** What is written there, as far as it makes sense; an answer whose page went away while it came has ended. */
function kept() {
  const found = read(TALKS);
  const whole = (Array.isArray(found) ? found : []).filter((talk) => typeof talk?.id === "string" && Array.isArray(talk.messages));
  return whole.map((talk) => ({ ...talk, title: `${talk.title ?? ""}`, system: `${talk.system ?? ""}`, messages: talk.messages.map(ended).filter(Boolean) }));
}

function ended(message) {
  if (!message || typeof message !== "object") return null;
  const { isWaiting, ...said } = { ...message, content: `${message.content ?? ""}` };
  if (!isWaiting) return said;
  return said.content || said.reasoning || said.calls?.length ? { ...said, note: "broken_off" } : null;
}
