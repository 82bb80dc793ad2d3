'use strict';
// Plays the rounds of a row with one client, and tells what came out of each.

const { DELAY_MS, Stage, pause, until } = require('./stage.js');
const { attacked } = require('./rows.js');

const ID = 'bench';
const LONGEST_S = 150; // a round that has not recovered by then has not
const START_LIMIT_MS = 60_000;
const SETTLE_MS = 1500;
const QUICK_PERIOD_MS = 200;

const tomlOf = (row, periodMs) =>
  `[sample]\ntelemetry_send = ${periodMs > 0}\ntelemetry_period = "${periodMs || 5000}ms"\n` +
  (periodMs > 0 ? '' : 'reported_property_send = false\n') +
  (row.toml ?? '');

class Rounds {
  constructor(row, client, { build, clients, rounds }) {
    Object.assign(this, { row, client, build, clients });
    this.periodMs = row.periodMs ?? QUICK_PERIOD_MS;
    this.count = client === 'rival' ? Math.min(rounds, row.rivalRounds ?? rounds) : rounds;
  }

  /** The results of all rounds: {seconds or null, why, lost, duplicated, dpsCalls}. */
  async play() {
    const { row, client, build, clients } = this;
    this.stage = await Stage.open({ build, clients, name: `${row.name}-${client}`, network: row.network });
    this.stage.pause = pause;
    try {
      if (row.renewal) return await this.renewals();
      const results = [];
      for (let round = 0; round < this.count; ++round) {
        results.push(row.start ? await this.startRound() : await this.faultRound());
        await this.putRight();
      }
      return results;
    } finally {
      if (this.subject) await this.subject.stop();
      await this.stage.close();
    }
  }

  async start(fresh = true) {
    const { row, periodMs } = this;
    const since = await this.stage.now();
    this.subject =
      this.client === 'rival'
        ? this.stage.startRival(ID, { periodMs, tokenLifeS: row.tokenLifeS ?? 0 })
        : await this.stage.startDaemon(ID, { toml: tomlOf(row, periodMs), fresh });
    return { since, began: this.subject.began };
  }

  /** Waits until it works, and says on which hub. */
  async untilAtWork(since) {
    return until(`${this.client} works`, START_LIMIT_MS, async () => {
      if (this.subject.over) throw new Error(`${this.client} has ended: ${this.subject.log().slice(-1000)}`);
      if (this.periodMs === 0) return (await this.connectedAfter(since.events, 0))?.hub;
      return (await this.stage.records('telemetry', since.telemetry, ID)).at(-1)?.hub;
    });
  }

  async connectedAfter(since, time) {
    const events = await this.stage.records('events', since, ID);
    return events.find((one) => one.event === 'connected' && one.time_us / 1e6 >= time);
  }

  /** The first message that a hub took on a session opened after the fault; without telemetry, that session. */
  async recovery(since, time) {
    const session = await this.connectedAfter(since.events, time);
    if (!session || this.periodMs === 0) return session;
    const messages = await this.stage.records('telemetry', since.telemetry, ID);
    return messages.find((one) => one.time_us >= session.time_us && one.hub === session.hub);
  }

  async faultRound() {
    const { stage, row } = this;
    const { since } = await this.start();
    const hub = await this.untilAtWork(since);
    await pause(1000 + Math.random() * Math.max(this.periodMs, 1000));
    if (this.client === 'ours') await stage.letAskerGo(this.subject);
    const before = await stage.now();
    const calls = await stage.dpsCalls();
    const made = await row.fault(stage, hub, ID);
    const time = typeof made === 'number' ? made : await attacked(stage, before.events);
    const found = await this.awaitRecovery(before, time);
    const dpsCalls = (await stage.dpsCalls()) - calls;
    const result = await this.reckon(since, found.record ? found.record.time_us / 1e6 - time : null, dpsCalls);
    return { ...result, why: found.why };
  }

  async awaitRecovery(since, time) {
    while (true) {
      const record = await this.recovery(since, time);
      if (record) return { record };
      if (this.subject.over) return { why: 'process exits' };
      if (Date.now() / 1000 - time > LONGEST_S) return { why: `not within ${LONGEST_S}` };
      await pause(200);
    }
  }

  async startRound() {
    if (this.row.start === 'remembered') {
      await this.untilAtWork((await this.start()).since);
      await pause(1000);
      await this.subject.stop();
    }
    const calls = await this.stage.dpsCalls();
    const { since, began } = await this.start(this.row.start === 'fresh');
    await this.untilAtWork(since);
    const dpsCalls = (await this.stage.dpsCalls()) - calls;
    const first = (await this.stage.records('telemetry', since.telemetry, ID))[0];
    return this.reckon(since, first.time_us / 1e6 - began, dpsCalls);
  }

  /** Ends the client when what it kept has been sent, and counts what came. */
  async reckon(since, seconds, dpsCalls) {
    await pause(SETTLE_MS + (this.periodMs > QUICK_PERIOD_MS ? this.periodMs : 0));
    await this.subject.stop();
    const messages = await this.stage.records('telemetry', since.telemetry, ID);
    return { seconds, dpsCalls, ...losses(messages, this.measured()) };
  }

  /** How many messages the rival has made, by its own account at its end; what our daemon has made and no hub has yet is on
   * its disk, and not lost. */
  measured() {
    if (this.client !== 'rival') return 0;
    return Number(/^measured (\d+)$/m.exec(this.subject.log())?.[1] ?? 0);
  }

  async putRight() {
    const { stage, row } = this;
    if (row.network === 'namespace') stage.mend();
    await stage.lizard.ask('revive', 'all');
  }

  /** One life of the client; each renewal of its token is a round. */
  async renewals() {
    const { stage } = this;
    const { since } = await this.start();
    await this.untilAtWork(since);
    await pause(2000);
    const before = await stage.now();
    const calls = await stage.dpsCalls();
    const limitMs = (this.count + 2) * this.row.tokenLifeS * 1000;
    const renewals = async () =>
      (await stage.records('events', before.events, ID)).filter((one) => one.event === 'connected');
    const deadline = Date.now() + limitMs;
    while ((await renewals()).length < this.count && Date.now() < deadline) await pause(1000);
    await pause(SETTLE_MS);
    const sessions = (await renewals()).slice(0, this.count);
    const dpsCalls = (await stage.dpsCalls()) - calls;
    await this.subject.stop();
    const messages = await stage.records('telemetry', since.telemetry, ID);
    const { lost, duplicated } = losses(messages, this.measured());
    return sessions.map((session, index) => {
      const after = messages.findIndex((one) => one.time_us >= session.time_us);
      const gap = after > 0 ? (messages[after].time_us - messages[after - 1].time_us) / 1e6 : null;
      const seconds = gap === null ? null : Math.max(0, gap - this.periodMs / 1000);
      const whole = index === 0; // the account of the life is told once
      return { seconds, lost: whole ? lost : 0, duplicated: whole ? duplicated : 0, dpsCalls: whole ? dpsCalls : 0 };
    });
  }
}

/** The number that a client gave a message: the rival's in its body, our daemon's at the end of its id. */
const numberOf = (message) => message.body?.n ?? Number(/(\d+)$/.exec(message.mid)?.[1]);

/** From the first message that came to the last, or to that number if it is greater. */
function losses(messages, last) {
  if (messages.length === 0) return { lost: 0, duplicated: 0 };
  const numbers = new Set(messages.map(numberOf));
  const lost = Math.max(last, ...numbers) - Math.min(...numbers) + 1 - numbers.size;
  return { lost, duplicated: messages.length - numbers.size };
}

module.exports = { DELAY_MS, LONGEST_S, Rounds };
