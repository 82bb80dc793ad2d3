// The time line of a device: a row for DPS, a row for each hub, and across them what was without a hub.

import {span} from "./story.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 58, RIGHT = 10, TOP = 4, DPS = 20, AXIS = 22;
const STEPS = [10, 15, 30, 60, 120];  // seconds between two marks of the axis

function node(name, attributes = {}, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export function hubClass(hubs, name) {
  const index = hubs.findIndex((hub) => hub.name === name);
  return `hub${Math.max(0, index) % 4}`;
}

class Drawing {
  constructor(svg, story, id, seconds, rowHeight) {
    this.row = rowHeight;
    this.bar = rowHeight - 14;
    this.story = story;
    this.line = story.line(id);
    this.id = id;
    this.hubs = story.state.hubs;
    this.seconds = seconds;
    this.now = story.now();
    this.start = this.now - seconds * 1000;
    this.width = Math.max(300, svg.clientWidth);
    this.height = TOP + DPS + this.hubs.length * this.row + AXIS;
    this.parts = [];
  }

  x(time) {
    const at = LEFT + ((time - this.start) / (this.seconds * 1000)) * (this.width - LEFT - RIGHT);
    return Math.max(LEFT, Math.min(this.width - RIGHT, at));
  }
  y(hub) { return TOP + DPS + this.hubs.findIndex((one) => one.name === hub) * this.row; }
  seen(from, to) { return (to ?? this.now) >= this.start && from <= this.now; }
  put(name, attributes, text) { this.parts.push(node(name, attributes, text)); }

  rows() {
    this.put("text", {x: 0, y: TOP + 13, class: "faint"}, "DPS");
    for (const hub of this.hubs) {
      const y = this.y(hub.name);
      this.put("rect", {x: LEFT, y: y + 3, width: this.width - LEFT - RIGHT, height: this.row - 6, rx: 4, class: "ground"});
      this.put("text", {x: 0, y: y + this.row / 2 + 5}, hub.name);
    }
    const bottom = this.height - AXIS;
    const step = STEPS.find((one) => this.seconds / one <= 8) ?? 120;
    for (let ago = 0; ago < this.seconds; ago += step) {
      const x = this.x(this.now - ago * 1000);
      this.put("line", {x1: x, x2: x, y1: TOP, y2: bottom + 3, class: "mark"});
      const name = ago === 0 ? "now" : `−${Math.floor(ago / 60)}:${String(ago % 60).padStart(2, "0")}`;
      this.put("text", {x, y: this.height - 5, class: "faint", "text-anchor": ago === 0 ? "end" : "middle"}, name);
    }
  }

  outages() {
    for (const hub of this.hubs) {
      for (const outage of this.story.outages.get(hub.name) ?? []) {
        if (!this.seen(outage.from, outage.to)) continue;
        const x = this.x(outage.from), width = this.x(outage.to ?? this.now) - x, y = this.y(hub.name);
        this.put("rect", {x, y: y + 3, width, height: this.row - 6, class: "outage"});
      }
    }
  }

  outageNames() {
    for (const hub of this.hubs) {
      for (const {from, to, how} of this.story.outages.get(hub.name) ?? []) {
        if (!this.seen(from, to) || this.x(to ?? this.now) - this.x(from) < 70) continue;
        const place = {x: this.x(from) + 14, y: this.y(hub.name) + 19, class: "outage-name"};
        this.put("text", place, how === "unplugged" ? "silent" : how);
      }
    }
  }

  bars() {
    for (const bar of this.line.bars) {
      if (!this.seen(bar.from, bar.to)) continue;
      const x = this.x(bar.from), width = Math.max(1.5, this.x(bar.to ?? this.now) - x);
      const attributes = {x, y: this.y(bar.hub) + (this.row - this.bar) / 2, width, height: this.bar, rx: 3};
      this.put("rect", {...attributes, class: `bar ${hubClass(this.hubs, bar.hub)}${bar.to === null ? " open" : ""}`,
                        "data-hub": bar.hub});
    }
  }

  ticks() {
    for (const hub of this.hubs) {
      const columns = new Set();
      for (const tick of this.line.ticks) {
        if (tick.hub === hub.name && tick.time >= this.start) columns.add(Math.round(this.x(tick.time) * 2) / 2);
      }
      if (columns.size === 0) continue;
      const y = this.y(hub.name) + (this.row - this.bar) / 2;
      const d = [...columns].map((x) => `M${x} ${y}v${this.bar}`).join("");
      this.put("path", {d, class: `tick ${hubClass(this.hubs, hub.name)}`, "data-hub": hub.name});
    }
  }

  marks() {
    for (const ask of this.line.asks) {
      if (ask.time < this.start) continue;
      const x = this.x(ask.time);
      this.put("line", {x1: x, x2: x, y1: TOP + 2, y2: TOP + DPS - 5, class: `asked${ask.answered ? " answered" : ""}`});
    }
    for (const {time, hub} of this.line.refusals) {
      if (time < this.start || hub === null) continue;
      const x = this.x(time), y = this.y(hub) + this.row / 2;
      this.put("path", {d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`, class: "refusal"});
    }
    for (const {time, hub} of this.story.attacks) {
      if (time < this.start) continue;
      const x = this.x(time), y = hub === "dps" ? TOP - 3 : this.y(hub) + 5;
      this.put("path", {d: `M${x - 6} ${y + 18}l4 -17M${x - 1} ${y + 18}l4 -17M${x + 4} ${y + 18}l4 -17`, class: "claws"});
    }
  }

  gaps() {
    for (const gap of this.story.gaps(this.id)) {
      if (!this.seen(gap.from, gap.to)) continue;
      const x = this.x(gap.from), width = Math.max(2, this.x(gap.to ?? this.now) - x);
      const y = TOP + DPS, height = this.hubs.length * this.row;
      const group = node("g", {class: `gap${gap.to === null ? " live" : ""}`, "data-ms": Math.round((gap.to ?? this.now) - gap.from)});
      group.append(node("rect", {x, y, width, height, rx: 3, class: "body"}));
      let hatch = "";
      for (let at = 6; at < width + height; at += 9) {
        const x1 = x + Math.min(at, width), y1 = y + Math.max(0, at - width);
        const x2 = x + Math.max(0, at - height), y2 = y + Math.min(at, height);
        hatch += `M${x1} ${y1}L${x2} ${y2}`;
      }
      group.append(node("path", {d: hatch, class: "hatch"}));
      // The plate may be wider than a short gap; it stays within the picture.
      const text = span((gap.to ?? this.now) - gap.from);
      const plate = text.length * 8.2 + 14;
      const middle = Math.max(LEFT + plate / 2, Math.min(this.width - RIGHT - plate / 2, x + width / 2));
      group.append(node("rect", {x: middle - plate / 2, y: y + height / 2 - 12, width: plate, height: 24, rx: 12, class: "plate"}));
      group.append(node("text", {x: middle, y: y + height / 2 + 5, "text-anchor": "middle"}, text));
      this.parts.push(group);
    }
  }
}

export function draw(svg, story, id, seconds, rowHeight) {
  const drawing = new Drawing(svg, story, id, seconds, rowHeight);
  drawing.rows();
  drawing.outages();
  drawing.bars();
  drawing.ticks();
  drawing.marks();
  drawing.gaps();
  drawing.outageNames();
  svg.setAttribute("viewBox", `0 0 ${drawing.width} ${drawing.height}`);
  svg.setAttribute("height", drawing.height);
  svg.replaceChildren(...drawing.parts);
}
