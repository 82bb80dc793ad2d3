// The cards of the data centres and of the devices. Each is made once and then kept up to date, so that a focus stays.

import {DOWN, span} from "./story.js";
import {draw, hubClass} from "./timeline.js";

const GUESTS_MAX = 40;
const BLOWS = [["kill", "Kill", "Resets its connections and refuses new ones"],
               ["unplug", "Unplug", "Connections stay open and nothing answers"],
               ["refuse", "Refuse", "Drops its sessions and refuses every device"],
               ["drop", "Drop", "Drops its sessions, once"]];

function from(template) { return document.getElementById(template).content.firstElementChild.cloneNode(true); }

function button(text, title, label, press) {
  const made = document.createElement("button");
  Object.assign(made, {type: "button", textContent: text, title});
  made.setAttribute("aria-label", label);
  made.addEventListener("click", press);
  return made;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export class Centre {
  constructor(name, colour, tell) {
    this.name = name;
    this.title = name === "dps" ? "DPS" : name;
    this.card = from("centre");
    this.card.dataset.centre = name;
    if (colour) this.card.classList.add(colour);
    this.find(".name").textContent = this.title;
    this.find(".blows").setAttribute("aria-label", `What happens to ${this.title}`);
    this.blows = BLOWS.map(([how, text, title]) => {
      const made = button(text, title, `${text} ${this.title}`, () => tell({command: "attack", target: name, how},
                                                                            `${this.title}: ${how}`));
      made.className = "hit";
      made.dataset.how = how;
      return made;
    });
    this.revive = button("Revive", "Undoes the attack", `Revive ${this.title}`,
                         () => tell({command: "revive", target: name}, `${this.title}: revived`));
    this.revive.className = "heal";
    this.find(".blows").append(...this.blows, this.revive);
    if (name === "dps") this.find(".guests").remove();
    this.guests = new Map();
  }

  find(selector) { return this.card.querySelector(selector); }

  show(centre, counts, guests, note) {
    setText(this.find(".address"), `${centre.address}:${centre.port}`);
    const down = DOWN.has(centre.state);
    this.card.classList.toggle("down", down || centre.state === "throttled");
    const state = centre.state === "unplugged" ? "silent (unplugged)" : centre.state;
    setText(this.find(".state"), note ? `${state}, ${note}` : state);
    this.card.dataset.state = centre.state;
    this.offer(down ? [this.revive] : this.blows, down ? this.blows : [this.revive]);
    const list = this.find(".counts");
    for (const [name, value] of counts) {
      let entry = list.querySelector(`[data-count="${name}"]`);
      if (!entry) {
        entry = document.createElement("div");
        entry.dataset.count = name;
        entry.append(document.createElement("dt"), document.createElement("dd"));
        entry.firstChild.textContent = name;
        list.append(entry);
      }
      setText(entry.lastChild, value.toLocaleString("en"));
    }
    if (guests) this.showGuests(guests, centre.state === "unplugged");
  }

  // Either the attacks or the way back. A focus goes with what takes the place of the button that had it.
  offer(these, instead) {
    const focused = instead.includes(document.activeElement);
    for (const one of these) one.hidden = false;
    for (const one of instead) one.hidden = true;
    if (focused) these[0].focus();
  }

  showGuests(ids, unheard) {
    const list = this.find(".guests");
    const names = ids.length === 0 ? ["nobody is connected"] : ids.slice(0, GUESTS_MAX);
    if (ids.length > GUESTS_MAX) names.push(`and ${ids.length - GUESTS_MAX} more`);
    const key = JSON.stringify([names, unheard]);
    if (this.shown === key) return;
    this.shown = key;
    this.guests.clear();
    list.replaceChildren(...names.map((name, i) => {
      const item = document.createElement("li");
      if (ids[i] === undefined) {
        item.className = "none";
      } else {
        const dot = document.createElement("i");
        if (unheard) item.className = "unheard";
        this.guests.set(name, dot);
        item.append(dot);
      }
      item.append(name);
      return item;
    }));
  }

  // A message of the device has landed here.
  pulse(id) {
    const dot = this.guests.get(id);
    if (!dot || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    dot.animate([{boxShadow: "0 0 0 0 currentColor", transform: "scale(1.5)"},
                 {boxShadow: "0 0 0 .8rem transparent", transform: "scale(1)"}], {duration: 700, easing: "ease-out"});
  }
}

export class DevicePanel {
  constructor(id, tell) {
    this.id = id;
    this.tell = tell;
    this.card = from("device");
    this.card.dataset.device = id;
    this.find(".name").textContent = id;
    this.find(".moves").setAttribute("aria-label", `Move ${id}`);
    this.moves = new Map();
    for (const form of this.card.querySelectorAll("form")) {
      form.querySelector("button").setAttribute("aria-label", `${form.textContent.trim().replace(/\s+/g, " ")}: ${id}`);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.ask(form.dataset.ask, form.elements.value.value);
      });
    }
  }

  find(selector) { return this.card.querySelector(selector); }

  async ask(what, value) {
    const started = performance.now();
    const commands = {
      echo: {command: "command", method: "echo", payload: JSON.stringify(value), timeout_ms: 30000},
      alarm: {command: "c2d", body: JSON.stringify(value), properties: [["method-name", "setAlarm"]]},
      fan: {command: "desired", patch: JSON.stringify({fanSpeed: Number(value)})},
    };
    this.say("…");
    const answer = await this.tell({...commands[what], device: this.id});
    const took = `${Math.round(performance.now() - started)} ms`;
    if (answer.error) return this.say(answer.error, true);
    const said = {
      echo: () => `echo: ${answer.status} ${JSON.stringify(answer.payload)} after ${took}`,
      alarm: () => "setAlarm is queued",
      fan: () => `fanSpeed is desired, version ${answer.version}`,
    };
    this.say(said[what]());
  }

  say(text, wrong = false) {
    const output = this.find(".answer");
    output.classList.toggle("wrong", wrong);
    output.textContent = text;
  }

  show(device, hubs) {
    this.device = device;
    for (const {name} of hubs) {
      if (!this.moves.has(name)) {
        const made = button(`Move to ${name}`, "Assigns the device to this hub; its session is dropped",
                            `Move ${this.id} to ${name}`,
                            () => this.tell({command: "move", device: this.id, hub: name}, `${this.id}: to ${name}`));
        this.moves.set(name, made);
        this.find(".moves").append(made);
      }
      this.moves.get(name).hidden = name === device.assigned;
    }
  }

  draw(story, seconds, rowHeight) {
    const last = story.line(this.id).bars.at(-1);
    const now = this.find(".now");
    now.classList.toggle("lost", !!last && last.to !== null);
    if (!last) setText(now, "has not been connected yet");
    else if (last.to === null) setText(now, `connected to ${last.hub} for ${span(story.now() - last.from)}`);
    else setText(now, `without a hub for ${span(story.now() - last.to)}`);
    const gap = story.gaps(this.id).at(-1);
    const spoken = now.textContent + (gap?.to ? `; the last gap was ${span(gap.to - gap.from)}` : "");
    const line = this.find(".line");
    line.setAttribute("aria-label", `${this.id}: ${spoken.replace(/ for .*?(;|$)/, "$1")}`);
    draw(line, story, this.id, seconds, rowHeight);
  }
}

export {hubClass};
