// The dialogs: settings, the key, and the list of shortcuts. Fetched when the first of them is opened.

import { dialog, element } from "./dom.js";
import { LANGUAGES, t } from "./i18n.js";
import { isLite, saveSettings, settings } from "./store.js";

const SHORTCUTS = [
  ["Enter", "key_send"], ["Shift Enter", "key_line"], ["/", "key_message"], ["n", "new_chat"], ["e", "edit"], ["r", "retry"],
  ["Esc", "key_stop"], ["h", "history"], ["1 2 3 4", "key_pages"], ["s", "settings"], ["?", "key_help"],
];

/** Ask for the key; whether one was given. */
export async function askForKey() {
  const field = keyField();
  const content = [element("p", {}, t("error_key")), row("key", field), element("p", { class: "note" }, t("key_hint"))];
  const isSaved = (await dialog(t("key"), content, saveButtons())) === "save";
  if (isSaved) saveSettings({ key: field.value.trim() });
  return isSaved && settings.key !== "";
}

/** Show the settings; whether something was changed. */
export async function showSettings() {
  const languages = select([["", t("automatic")], ...Object.entries(LANGUAGES)], settings.language);
  const theme = select([["", t("automatic")], ["light", t("light")], ["dark", t("dark")]], settings.theme);
  const lite = element("input", { type: "checkbox", checked: isLite() });
  const key = keyField();
  const content = [row("language", languages), row("theme", theme), row("lite", lite), element("p", { class: "note" }, t("lite_hint")), row("key", key),
    element("p", { class: "note" }, t("key_hint"))];
  if ((await dialog(t("settings"), content, saveButtons())) !== "save") return false;
  const chosen = lite.checked === isLite() ? settings.lite : lite.checked;
  saveSettings({ language: languages.value, theme: theme.value, lite: chosen, key: key.value.trim() });
  return true;
}

export function showShortcuts() {
  const keys = SHORTCUTS.map(([names, what]) => [
    element("dt", {}, names.split(" ").map((name) => element("kbd", {}, name))), element("dd", {}, t(what))]);
  return dialog(t("shortcuts"), element("dl", { class: "keys" }, keys.flat()), [element("button", { autofocus: true }, t("close"))]);
}

const row = (key, field) => element("label", { class: "row" }, t(key), field);

const keyField = () => element("input", { type: "password", autocomplete: "off", value: settings.key });

function saveButtons() {
  return [element("button", { value: "save", class: "main" }, t("save")),
    element("button", { value: "", formnovalidate: true }, t("cancel"))];
}

function select(options, chosen) {
  return element("select", {}, options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
}
