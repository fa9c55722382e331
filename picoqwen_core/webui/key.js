// The way to the dialogs, whose code comes when the first of them is opened.

/** settings.js, or null where it cannot be had: the server is away, and nothing was kept. */
export const dialogs = () => import("./settings.js").catch(() => null);

/** Ask for the key; whether one was given. */
export const askForKey = async () => (await dialogs())?.askForKey() ?? false;
