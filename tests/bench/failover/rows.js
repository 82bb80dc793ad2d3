'use strict';
// The faults, and what the protocol permits after each of them.

const R = 0.05; // s: a round trip, twice the delay of the lizard
const W = 3; // s: what DPS asks to be waited while it is assigning
const EARLIEST_POLL = 0.3; // s: when our daemon polls first, within the limit of DPS

// TCP, TLS 1.3, PUT, GET: a round trip each. Then TCP, TLS and half a round trip for CONNECT and PUBLISH together.
const THROUGH_DPS = 6.5 * R;
const HUB_ONLY = 2.5 * R;
const WAITS = { ours: EARLIEST_POLL, rival: W };

const attack = (how, ...more) => (stage, hub) => stage.lizard.ask('attack', hub, '--how', how, ...more);
const otherThan = (hub) => (hub === 'hub-a' ? 'hub-b' : 'hub-a');

/** The time of the newest event of this kind, s. */
async function timeOf(stage, since, event) {
  const found = (await stage.lizard.lines('events', '--since', String(since))).filter((one) => one.event === event);
  return found.at(-1).time_us / 1e6;
}

const attacked = (stage, since) => timeOf(stage, since, 'attacked');

async function killWhileDpsIsDown(stage, hub) {
  const { events } = await stage.now();
  await stage.lizard.ask('attack', 'dps', '--how', 'kill');
  await stage.lizard.ask('attack', hub, '--how', 'kill');
  await stage.pause(30_000);
  await stage.lizard.ask('revive', 'dps');
  return timeOf(stage, events, 'revived');
}

async function cutOff(stage, hub, id) {
  const time = Date.now() / 1000;
  stage.cut(hub);
  await stage.lizard.ask('move', id, otherThan(hub)); // DPS knows; the device is not told
  return time;
}

/** What a row may have:
 * fault(stage, hub, id): makes it. Its time, s, when that is not the one of the lizard's "attacked".
 * limit, waits: what round trips cost, and what each client waits for at DPS by its own policy, s.
 * detection: the limit begins when the silence is detected, which round trips do not tell.
 * toml, periodMs (200), lizard: of our daemon, of telemetry, of `iotc-ha-lizard run`. rival: false when it has no such switch.
 * slow: a round mostly waits, and goes side by side with the others. rivalRounds: fewer where it takes minutes. */
const ROWS = [
  { name: 'killed', title: 'hub killed', fault: attack('kill'), limit: THROUGH_DPS, waits: WAITS },
  {
    name: 'killed-patient',
    title: 'hub killed, early_poll = false',
    fault: attack('kill'),
    limit: THROUGH_DPS,
    waits: { ours: W },
    toml: '[failover]\nearly_poll = false\n',
    rival: false,
  },
  {
    name: 'silent',
    title: 'hub silent, telemetry each 5 s',
    fault: attack('unplug'),
    limit: THROUGH_DPS,
    waits: WAITS,
    detection: true,
    periodMs: 5000,
    slow: true,
    rivalRounds: 2,
  },
  {
    name: 'silent-cut',
    title: 'packets dropped, telemetry each 5 s',
    fault: cutOff,
    limit: THROUGH_DPS,
    waits: WAITS,
    detection: true,
    periodMs: 5000,
    network: 'namespace',
    slow: true,
    rivalRounds: 2,
  },
  {
    name: 'silent-idle',
    title: 'hub silent, no telemetry (until connected)',
    fault: attack('unplug'),
    limit: THROUGH_DPS,
    waits: WAITS,
    detection: true,
    periodMs: 0,
    slow: true,
    rivalRounds: 2,
  },
  {
    name: 'silent-cut-idle',
    title: 'packets dropped, no telemetry (until connected)',
    fault: cutOff,
    limit: THROUGH_DPS,
    waits: WAITS,
    detection: true,
    periodMs: 0,
    network: 'namespace',
    slow: true,
    rivalRounds: 2,
  },
  {
    name: 'refused',
    title: 'hub kicks, then CONNACK 3',
    fault: attack('refuse', '--code', '3'),
    limit: THROUGH_DPS,
    waits: WAITS,
  },
  {
    name: 'dropped',
    title: 'session dropped, hub alive',
    fault: attack('drop'),
    limit: HUB_ONLY,
    waits: { ours: 0, rival: 0 },
  },
  {
    name: 'dps-down',
    title: 'hub killed while DPS is down for 30 s (from its return)',
    fault: killWhileDpsIsDown,
    limit: THROUGH_DPS,
    waits: WAITS,
    slow: true,
    rivalRounds: 2,
  },
  {
    name: 'moved',
    title: 'moved back by DPS, the old hub kicks, CONNACK 5',
    fault: async (stage, hub, id) => {
      const { events } = await stage.now();
      await stage.lizard.ask('move', id, otherThan(hub));
      return timeOf(stage, events, 'moved');
    },
    limit: THROUGH_DPS,
    waits: WAITS,
    rivalRounds: 2,
  },
  {
    name: 'cold',
    title: 'start, without memory',
    start: 'fresh',
    limit: THROUGH_DPS,
    waits: WAITS,
  },
  {
    name: 'warm',
    title: 'start, the hub is remembered',
    start: 'remembered',
    limit: HUB_ONLY,
    waits: { ours: 0 },
    rival: false, // it remembers nothing
  },
  {
    name: 'token',
    title: 'token renewed (gap between two messages, less the period)',
    renewal: true,
    limit: HUB_ONLY,
    waits: { ours: 0, rival: 0 },
    toml: '[hub]\ntoken_life = "20s"\n',
    tokenLifeS: 20,
    slow: true,
  },
];

module.exports = { ROWS, attacked };
