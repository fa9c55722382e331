// An example home for trying the built-in model where no Home Assistant is at hand: its devices exist on this page
// only. What the model asks for is done to them, and reported in the form in which Home Assistant reports it.

import { language } from "./i18n.js";

const NAMES = {
  en: ["Kitchen", "Living room", "Bedroom", "Kitchen lamp", "Floor lamp", "Bedside lamp", "Coffee machine", "Ceiling fan", "Blinds", "Outside temperature"],
  de: ["Küche", "Wohnzimmer", "Schlafzimmer", "Küchenlampe", "Stehlampe", "Nachttischlampe", "Kaffeemaschine", "Deckenventilator", "Jalousie", "Außentemperatur"],
  fr: ["Cuisine", "Salon", "Chambre", "Lampe de cuisine", "Lampadaire", "Lampe de chevet", "Machine à café", "Ventilateur", "Store", "Température extérieure"],
  es: ["Cocina", "Salón", "Dormitorio", "Lámpara de cocina", "Lámpara de pie", "Lámpara de noche", "Cafetera", "Ventilador", "Persiana", "Temperatura exterior"],
  nl: ["Keuken", "Woonkamer", "Slaapkamer", "Keukenlamp", "Staande lamp", "Bedlamp", "Koffiezetapparaat", "Plafondventilator", "Jaloezie", "Buitentemperatuur"],
  it: ["Cucina", "Soggiorno", "Camera", "Lampada della cucina", "Lampada da terra", "Lampada da comodino", "Macchina del caffè", "Ventilatore", "Tapparella", "Temperatura esterna"],
};
const EXAMPLES = {
  en: ["Turn on the kitchen lamp", "How warm is it outside?", "Close the blinds", "Turn off all lights"],
  de: ["Schalte die Küchenlampe ein", "Wie hoch ist die Außentemperatur?", "Schließe die Jalousie", "Schalte alle Lichter aus"],
  fr: ["Allume la lampe de cuisine", "Quelle est la température extérieure ?", "Ferme le store", "Éteins toutes les lumières"],
  es: ["Enciende la lámpara de cocina", "¿Cuál es la temperatura exterior?", "Baja la persiana", "Apaga todas las luces"],
  nl: ["Doe de keukenlamp aan", "Hoe warm is het buiten?", "Sluit de jaloezie", "Doe alle lampen uit"],
  it: ["Accendi la lampada della cucina", "Quanto è la temperatura esterna?", "Chiudi la tapparella", "Spegni tutte le luci"],
};
const AREAS = ["kitchen", "living_room", "bedroom"];
const DEVICES = [
  ["light.kitchen_lamp", "kitchen", "off"],
  ["light.floor_lamp", "living_room", "on"],
  ["light.bedside_lamp", "bedroom", "off"],
  ["switch.coffee_machine", "kitchen", "off"],
  ["fan.ceiling_fan", "living_room", "off"],
  ["cover.blinds", "living_room", "open"],
  ["sensor.outside", null, "7.5", { device_class: "temperature", unit: "°C" }],
];

const home = DEVICES.map(([id, area, state, more]) => ({ id, name: "", area, state, domain: id.split(".")[0], attributes: {}, ...more }));

/** What may be said to this home, in the person's language. */
export const examples = () => EXAMPLES[language()];

const areas = () => AREAS.map((id, index) => ({ id, name: NAMES[language()][index] }));

function named() {
  for (const [index, device] of home.entries()) device.name = NAMES[language()][AREAS.length + index];
  return home;
}

const TEXT = { type: "string" };
const TEXTS = { type: "array", items: TEXT };
const TARGET = { name: TEXT, area: TEXT, floor: TEXT, domain: TEXTS, device_class: TEXTS };

const tool = (name, description, more = {}) => ({
  type: "function",
  function: { name, description, parameters: { type: "object", properties: { ...TARGET, ...more } } },
});

const TOOLS = [
  tool("HassTurnOn", "Turns on, opens or presses a device"),
  tool("HassTurnOff", "Turns off or closes a device"),
  tool("HassLightSet", "Sets the brightness of a light in percent", { brightness: { type: "integer", minimum: 0, maximum: 100 } }),
];

const ACTIONS = {
  HassTurnOn: (device) => { device.state = device.domain === "cover" ? "open" : "on"; },
  HassTurnOff: (device) => { device.state = device.domain === "cover" ? "closed" : "off"; },
  HassLightSet: (device, { brightness }) => {
    device.state = brightness > 0 ? "on" : "off";
    if (brightness != null) device.attributes.brightness = brightness;
  },
};

/** What a request says of the example home. */
export function homeFields() {
  return { tools: TOOLS, home: { entities: named(), areas: areas(), language: language(), now: new Date().toISOString() } };
}

/** Do what a call asks, to the example; the result as a tool message tells it. */
export function act(name, target) {
  const action = ACTIONS[name];
  const devices = home.filter((device) => fits(device, target));
  if (!action || !devices.length) return { error: "nothing in the example home fits" };
  for (const device of devices) action(device, target);
  const success = devices.map(({ id, name: shown }) => ({ type: "entity", id, name: shown }));
  return { response_type: "action_done", data: { success, failed: [] } };
}

function fits(device, { name, area, domain }) {
  const areaName = areas().find(({ id }) => id === device.area)?.name;
  if (device.domain === "sensor") return false;
  return (!name || same(device.name, name)) && (!area || same(areaName ?? "", area)) && (!domain || [domain].flat().includes(device.domain));
}

const same = (one, other) => one.toLowerCase() === other.toLowerCase();
