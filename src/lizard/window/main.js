// The window: hears what happens, shows it, and tells the lizard what its buttons say.

import {Centre, DevicePanel, hubClass} from "./cards.js";
import {Story} from "./story.js";

const PANELS_MAX = 30;
const EVENTS_SHOWN = 200;
const REDRAW_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 200;

const at = (id) => document.getElementById(id);
let story = null;
let seconds = 120;
const centres = new Map();
const panels = new Map();

async function tell(command, done) {
  let answer;
  try {
    const response = await fetch("do", {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(command),
    });
    answer = await response.json();
  } catch {
    answer = {error: "the lizard does not answer"};
  }
  if (answer.error || done) {
    at("said").textContent = answer.error ?? done;
    at("said").classList.toggle("wrong", !!answer.error);
  }
  return answer;
}

function centre(name, colour) {
  if (!centres.has(name)) {
    centres.set(name, new Centre(name, colour, tell));
    at("centres").append(centres.get(name).card);
  }
  return centres.get(name);
}

function showState() {
  const {dps, hubs, devices, poison} = story.state;
  centre("dps").show(dps, [["registrations", dps.registrations], ["polls", dps.polls]]);
  for (const hub of hubs) {
    const guests = devices.filter((device) => device.connected_to === hub.name).map((device) => device.id);
    const counts = [["messages", hub.telemetry], ["connections", hub.connections], ["refusals", hub.refusals]];
    centre(hub.name, hubClass(hubs, hub.name)).show(hub, counts, guests, poison === "" ? "" : "poisoned");
  }
  at("nobody").hidden = devices.length > 0;
  at("more").hidden = devices.length <= PANELS_MAX;
  at("more").textContent = `and ${devices.length - PANELS_MAX} more devices`;
  for (const device of devices) {
    if (!panels.has(device.id)) {
      if (panels.size >= PANELS_MAX) continue;
      panels.set(device.id, new DevicePanel(device.id, tell));
      at("devices").append(panels.get(device.id).card);
    }
    panels.get(device.id).show(device, hubs);
  }
}

const KINDS = {
  bad: ["attacked", "hub-died", "disconnected", "refused", "unauthorized", "expired", "poisoned", "throttled", "disabled"],
  ok: ["connected", "revived", "hub-restarted", "enabled", "unthrottled"],
  dull: ["reported", "registering", "desired", "command", "c2d"],
};
const kindOf = (name) => Object.keys(KINDS).find((kind) => KINDS[kind].includes(name)) ?? "";

function entry({time, event, device, hub, detail}) {
  const item = document.createElement("li");
  const when = document.createElement("time");
  when.textContent = new Date(time).toTimeString().slice(0, 8);
  const what = document.createElement("b");
  what.className = kindOf(event);
  what.textContent = event;
  const text = document.createElement("span");
  text.append(what, ` ${[device, hub, detail].filter(Boolean).join(" · ")}`);
  item.append(when, text);
  return item;
}

function showEvents(events) {
  at("events").prepend(...events.slice(-EVENTS_SHOWN).reverse().map(entry));
  while (at("events").childElementCount > EVENTS_SHOWN) at("events").lastElementChild.remove();
}

function redraw() {
  if (!story || document.hidden) return;
  const rowHeight = panels.size === 1 ? 84 : panels.size === 2 ? 46 : 34;
  for (const panel of panels.values()) panel.draw(story, seconds, rowHeight);
}

function hear() {
  const source = new EventSource("events");
  const on = (name, take) => source.addEventListener(name, (event) => {
    take(JSON.parse(event.data));
    at("link").textContent = "live";
    at("link").classList.add("live");
  });
  on("snapshot", (snapshot) => {
    story = new Story(snapshot);
    at("events").replaceChildren();
    at("where").textContent = `iotc-ha-lizard ${snapshot.version}, ${snapshot.state.dps.address.replace(/\.1$/, ".0")}`;
    showState();
    showEvents(story.events);
    redraw();
  });
  on("state", (state) => {
    story.learn(state);
    showState();
  });
  on("news", ({events, messages}) => {
    for (const event of events) story.add(event);
    for (const message of messages) {
      story.land(message);
      centres.get(message[2])?.pulse(message[1]);
    }
    showEvents(events);
  });
  source.addEventListener("error", () => {
    at("link").textContent = "the lizard is away";
    at("link").classList.remove("live");
  });
}

document.querySelector(".spans").addEventListener("change", (event) => {
  seconds = Number(event.target.value);
  redraw();
});
setInterval(redraw, REDRAW_MS);
setInterval(() => story?.forget(), 5000);
hear();
