// The models of the server as the chat chooses from them; what else can be done with them stands in models.js.

import { call } from "./api.js";
import { byId, element } from "./dom.js";
import { t } from "./i18n.js";
import { saveSettings, settings } from "./store.js";

let models = [];
let isRead = false;

export const knownModels = () => models;

export const chosenModel = () => models.find(({ id }) => id === settings.model) ?? models[0];

/** Whether the server has said that it has none. */
export const isModelMissing = () => isRead && !models.length;

/** Read the list anew and fill the chat's choice with it. Raises ApiError. */
export async function readModels() {
  models = (await call("GET", "api/v1/models")).data;
  isRead = true;
  if (settings.model && !models.some(({ id }) => id === settings.model)) saveSettings({ model: "" });
  const options = models.map(({ id, built_in: isOwn }) =>
    element("option", { value: id, selected: id === chosenModel()?.id }, isOwn ? `${id} (${t("built_in")})` : id));
  byId("model").replaceChildren(...options);
  document.dispatchEvent(new CustomEvent("models"));
}
