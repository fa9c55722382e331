// What is kept on this device: settings and conversations, in localStorage. Nothing of it is sent anywhere by itself.

// Apps behind ingress share an origin, so the name says whose this is.
const SETTINGS = "picoqwen.settings";
const TALKS = "picoqwen.conversations";
const MOST_TALKS = 50;

const DEFAULTS = { language: "", theme: "", lite: null, key: "", model: "", thinking: "", routing: "", example: false };

function read(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? fallback;
  } catch {
    return fallback;
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

export const settings = { ...DEFAULTS, ...read(SETTINGS, {}) };
let talks = read(TALKS, []);
if (!Array.isArray(talks)) talks = [];

export function saveSettings(changes) {
  Object.assign(settings, changes);
  write(SETTINGS, settings);
}

/** Whole answers, no plots, no asking in the background; chosen, or what the browser says of the connection. */
export const isLite = () => settings.lite ?? navigator.connection?.saveData === true;

export const conversations = () => talks;

export function newConversation() {
  return { id: `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`, title: "", system: "", messages: [] };
}

/** Keep a conversation as the newest; the oldest go where there are too many or no room. */
export function keep(talk) {
  talk.title ||= talk.messages.find((message) => message.role === "user")?.content.slice(0, 80) ?? "";
  talks = [talk, ...talks.filter((other) => other.id !== talk.id)].slice(0, MOST_TALKS);
  while (!write(TALKS, talks) && talks.length > 1) talks.pop();
}

export function forget(id) {
  talks = talks.filter((talk) => talk.id !== id);
  write(TALKS, talks);
}

export function forgetAll() {
  talks = [];
  write(TALKS, talks);
}
