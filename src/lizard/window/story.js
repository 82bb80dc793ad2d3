// What happened, as it is drawn: for each device when it was on which hub, for each hub when it was down.

const EVENTS_MAX = 500;
const TICKS_MAX = 5000;

export const DOWN = new Set(["killed", "unplugged", "refusing", "died"]);

export class Story {
  constructor(snapshot) {
    this.history = snapshot.history_ms;
    this.skew = snapshot.now - Date.now();  // the lizard may be on another machine, behind a tunnel
    this.from = snapshot.now - this.history;
    this.lines = new Map();    // device -> {bars, ticks, asks, refusals, moves}
    this.outages = new Map();  // hub or dps -> [{from, to, how}]
    this.attacks = [];         // {time, hub}
    this.events = [];
    this.learn(snapshot.state);
    for (const event of snapshot.events) this.add(event);
    for (const message of snapshot.messages) this.land(message);
    for (const device of this.state.devices) this.continueOld(device);
  }

  now() { return Date.now() + this.skew; }

  learn(state) {
    this.state = state;
    for (const device of state.devices) this.line(device.id);
  }

  // A session that is older than what is remembered of the past.
  continueOld(device) {
    const hub = this.state.hubs.find((one) => one.name === device.connected_to);
    const {bars} = this.line(device.id);
    if (!hub || hub.state === "unplugged" || bars.some((bar) => bar.to === null)) return;
    bars.push({hub: hub.name, from: device.since, to: null});
  }

  line(id) {
    if (!this.lines.has(id)) this.lines.set(id, {bars: [], ticks: [], asks: [], refusals: [], moves: []});
    return this.lines.get(id);
  }

  add(event) {
    this.events.push(event);
    if (this.events.length > EVENTS_MAX) this.events.shift();
    const {time, device, hub, detail} = event;
    const line = device === null ? null : this.line(device);
    switch (event.event) {
      case "connected":
        this.endBars(line, time);
        line.bars.push({hub, from: time, to: null});
        break;
      case "disconnected":
        if (line.bars.length === 0) line.bars.push({hub, from: this.from, to: time});
        this.endBars(line, time, hub);
        break;
      case "refused": line?.refusals.push({time, hub}); break;
      case "registering": line.asks.push({time, answered: false}); break;
      case "registered": line.asks.push({time, answered: true}); break;
      case "attacked": this.strike(time, hub, detail.split(" ")[0]); break;
      case "hub-died": this.strike(time, hub, "died"); break;
      case "revived":
      case "hub-restarted": this.endOutage(hub, time); break;
    }
  }

  endBars(line, time, hub) {
    for (const bar of line.bars) {
      if (bar.to === null && (hub === undefined || bar.hub === hub)) bar.to = time;
    }
  }

  strike(time, hub, how) {
    this.attacks.push({time, hub});
    if (!DOWN.has(how)) return;  // sessions were dropped: the hub itself lives
    this.endOutage(hub, time);
    if (!this.outages.has(hub)) this.outages.set(hub, []);
    this.outages.get(hub).push({from: time, to: null, how});
    // Of a hub that has fallen silent nobody hears that a session is over: it is over now.
    if (how === "unplugged") this.lines.forEach((line) => this.endBars(line, time, hub));
  }

  endOutage(hub, time) {
    for (const outage of this.outages.get(hub) ?? []) outage.to ??= time;
  }

  land([time, device, hub, count]) {
    const {ticks} = this.line(device);
    ticks.push({time, hub, count});
    if (ticks.length > TICKS_MAX) ticks.shift();
  }

  // Where a device was without a hub: {from, to (null: it still is), before, after}.
  gaps(id) {
    const {bars} = this.line(id);
    const gaps = [];
    bars.forEach((bar, i) => {
      const next = bars[i + 1];
      if (bar.to === null || (next && next.from <= bar.to)) return;
      gaps.push({from: bar.to, to: next ? next.from : null, before: bar.hub, after: next?.hub});
    });
    return gaps;
  }

  forget() {
    const oldest = this.now() - this.history;
    const young = (one) => one.time >= oldest;
    const lasting = (one) => one.to === null || one.to >= oldest;
    for (const line of this.lines.values()) {
      // The last bar stays: a gap may begin where it ended.
      line.bars = line.bars.filter((bar, i) => i === line.bars.length - 1 || lasting(bar));
      for (const kind of ["ticks", "asks", "refusals"]) line[kind] = line[kind].filter(young);
    }
    for (const [hub, outages] of this.outages) this.outages.set(hub, outages.filter(lasting));
    this.attacks = this.attacks.filter(young);
  }
}

export function span(ms) {
  const s = ms / 1000;
  if (s < 1) return `${s.toFixed(2)} s`;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
