// An example home for trying the built-in model where no Home Assistant is at hand: its devices exist on this page
// only. What the model asks for is done to them, and reported in the form in which Home Assistant reports it.

const AREAS = [["kitchen", "Kitchen"], ["living_room", "Living room"], ["bedroom", "Bedroom"]];
const DEVICES = [
  ["light.kitchen_lamp", "Kitchen lamp", "kitchen", "off"],
  ["light.floor_lamp", "Floor lamp", "living_room", "on"],
  ["light.bedside_lamp", "Bedside lamp", "bedroom", "off"],
  ["switch.coffee_machine", "Coffee machine", "kitchen", "off"],
  ["fan.ceiling_fan", "Ceiling fan", "living_room", "off"],
  ["cover.blinds", "Blinds", "living_room", "open"],
  ["sensor.outside", "Outside temperature", null, "7.5", { device_class: "temperature", unit: "°C" }],
];

const home = DEVICES.map(([id, name, area, state, more]) =>
  ({ id, name, area, state, domain: id.split(".")[0], attributes: {}, ...more }));

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
export function homeFields(language) {
  const areas = AREAS.map(([id, name]) => ({ id, name }));
  return { tools: TOOLS, home: { entities: home, areas, language, now: new Date().toISOString() } };
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
  const areaName = AREAS.find(([id]) => id === device.area)?.[1];
  if (device.domain === "sensor") return false;
  return (!name || same(device.name, name)) && (!area || same(areaName ?? "", area)) && (!domain || [domain].flat().includes(device.domain));
}

const same = (one, other) => one.toLowerCase() === other.toLowerCase();
