'use strict';
// Where a round is played: a lizard that is far away, and a client of it: our daemon on a bus of its own, or the rival.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');

const { Lizard, within } = require('../../fidelity/lizard.js');

const DELAY_MS = 25;
const MODEL = 'dtmi:Sample:Failover;1';

/** Asks again every 0.1 s: the times come from the lizard's records, so that a slow look costs nothing. */
async function until(what, limitMs, look) {
  const deadline = Date.now() + limitMs;
  while (true) {
    const value = await look();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await pause(100);
  }
}

/** A process that is ended by its id, and whose output is kept. */
class Child {
  constructor(command, logFile, environment = {}) {
    const log = fs.openSync(logFile, 'a');
    this.logFile = logFile;
    this.began = Date.now() / 1000;
    this.child = spawn(command[0], command.slice(1), {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...environment },
    });
    fs.closeSync(log);
    this.exited = new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.once('error', resolve);
    });
    this.over = false;
    this.exited.then(() => (this.over = true));
  }

  get pid() {
    return this.child.pid;
  }

  log() {
    return fs.readFileSync(this.logFile, 'utf8');
  }

  async stop(signal = 'SIGTERM') {
    if (this.over) return;
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await this.exited;
    clearTimeout(late);
  }
}

class Stage {
  /** `build`: the build tree. `network`: 'namespace' puts everything into one of its own, where nft can drop packets. */
  static async open({ build, clients, name, options = [], network = 'host', delayMs = DELAY_MS }) {
    const stage = new Stage();
    Object.assign(stage, { build, clients, name, lives: 0 });
    stage.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'iotc-ha-bench-'));
    stage.prefix = [];
    let program = path.join(build, 'src/lizard/iotc-ha-lizard');
    try {
      if (network === 'namespace') program = stage.enterNamespace(program);
      const delay = delayMs > 0 ? ['--delay', `${delayMs}ms`] : [];
      stage.lizard = await Lizard.start(program, ['--window', '0', '--quiet', ...delay, ...options]);
      await stage.startBus();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  enterNamespace(program) {
    this.namespace = `iotc-bench-${process.pid}-${path.basename(this.folder).slice(-6)}`;
    execFileSync('ip', ['netns', 'add', this.namespace]);
    this.prefix = ['ip', 'netns', 'exec', this.namespace];
    this.inside(['ip', 'link', 'set', 'lo', 'up']);
    const wrapped = path.join(this.folder, 'lizard-inside');
    fs.writeFileSync(wrapped, `#!/bin/sh\nexec ${this.prefix.join(' ')} '${program}' "$@"\n`, { mode: 0o700 });
    return wrapped;
  }

  inside(command) {
    const all = [...this.prefix, ...command];
    return execFileSync(all[0], all.slice(1), { encoding: 'utf8' });
  }

  async startBus() {
    const socket = path.join(this.folder, 'bus');
    this.busAddress = `unix:path=${socket}`;
    const config = path.join(this.folder, 'bus.conf');
    fs.writeFileSync(
      config,
      `<busconfig><type>session</type><listen>${this.busAddress}</listen><policy context="default">` +
        '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>\n',
    );
    this.bus = new Child(['dbus-daemon', '--nofork', '--nopidfile', `--config-file=${config}`], `${socket}.log`);
    await until('the bus', 10_000, () => fs.existsSync(socket));
  }

  /** Starts our daemon as device `id`. `fresh`: with an empty state directory. */
  async startDaemon(id, { toml = '', fresh = true } = {}) {
    const folder = path.join(this.folder, id);
    const config = path.join(folder, 'iotc-ha.conf');
    const state = path.join(folder, 'state');
    if (fresh) fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(path.join(folder, 'iotc-ha.conf.d'), { recursive: true });
    fs.mkdirSync(state, { recursive: true });
    const answer = await this.lizard.ask('config', '--device', id, '--model', MODEL);
    fs.writeFileSync(config, answer.config, { mode: 0o640 });
    fs.writeFileSync(path.join(folder, 'iotc-ha.conf.d/10-bench.conf'), toml);
    const program = path.join(this.build, 'src/daemon/iotc-had');
    const arguments_ = ['--config', config, '--state-dir', state, '--bus', this.busAddress];
    return new Child([...this.prefix, program, ...arguments_], path.join(this.folder, `${id}-${++this.lives}.log`));
  }

  /** Brings the daemon to where it is a minute after its last question to DPS, and mostly is when a fault comes: the process
   * that asked, and with it the connection to DPS, is gone. */
  async letAskerGo(daemon) {
    const children = () => fs.readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim();
    for (const pid of children().split(' ').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    await until('the process that asks DPS is gone', 10_000, () => children() === '');
  }

  startRival(id, { periodMs, tokenLifeS = 0 }) {
    const settings = {
      dps: this.lizard.dps,
      scope: this.lizard.facts.id_scope,
      id,
      key: this.lizard.keyOf(id),
      period_ms: periodMs,
      token_life_s: tokenLifeS,
    };
    return new Child(
      [...this.prefix, process.execPath, path.join(__dirname, 'rival.js'), JSON.stringify(settings)],
      path.join(this.folder, `${id}-${++this.lives}.log`),
      { NODE_PATH: path.join(this.clients, 'node_modules'), NODE_EXTRA_CA_CERTS: this.lizard.facts.ca_file },
    );
  }

  /** Records of `telemetry` or `events` after a number, oldest first. */
  async records(kind, since, device) {
    const filter = kind === 'telemetry' ? ['--device', device, '--limit', '100000'] : [];
    const found = await this.lizard.lines(kind, '--since', String(since), ...filter);
    return found.filter((record) => record.device === device || record.device === null);
  }

  /** The number of the newest record of each kind. */
  async now() {
    const events = await this.lizard.lines('events');
    return { events: events.at(-1)?.seq ?? 0, telemetry: (await this.lizard.ask('telemetry', '--count')).count };
  }

  async dpsCalls() {
    const { registrations, polls } = (await this.lizard.ask('status')).dps;
    return registrations + polls;
  }

  /** Drops all packets from and to a hub as they come in, so that nobody is told anything: who sends one that is dropped on
   * its way out is told. */
  cut(hub) {
    const address = this.lizard.hub(hub);
    this.inside(['nft', `add table ip cut; add chain ip cut in { type filter hook input priority 0; };
      add rule ip cut in ip daddr ${address} drop; add rule ip cut in ip saddr ${address} drop`]);
  }

  mend() {
    this.inside(['nft', 'delete table ip cut']);
  }

  async close() {
    if (this.bus) await this.bus.stop();
    if (this.lizard) await this.lizard.stop().catch(() => {});
    if (this.namespace) execFileSync('ip', ['netns', 'delete', this.namespace]);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Where the rival's SDK is, installed by tests/fidelity/install.sh unless it is there. */
function installClients(build) {
  const clients = path.join(build, 'tests/fidelity/clients');
  execFileSync(path.join(__dirname, '../../fidelity/install.sh'), [clients], { stdio: ['ignore', 'ignore', 'inherit'] });
  return clients;
}

module.exports = { Child, DELAY_MS, Stage, installClients, pause, until, within };
