'use strict';
// A lizard of our own: started on a piece of the loopback network that nobody else has, asked by its commands, ended.

const { execFile, spawn } = require('node:child_process');
const { createHmac } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');

const PATIENCE_MS = 20_000; // nothing here takes that long on a healthy machine

/** Waits until `condition` gives something, and returns that. `what` is said when it does not in time. */
async function eventually(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (true) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await pause(20);
  }
}

/** A promise's value, or an error that says what has not come in time. */
function within(what, promise, limit = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limit / 1000} s: ${what}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The mark that the integration tests leave too: a socket on port 9 of a network's last address. */
function mark(network) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)));
    server.listen(9, network.replace(/\.0$/, '.254'), () => resolve(server));
  });
}

async function takeNetwork() {
  const networks = 100 * 256;
  for (let i = 0; i < networks; ++i) {
    const number = (process.pid + i) % networks;
    const network = `127.${100 + (number >> 8)}.${number & 0xff}.0`;
    const server = await mark(network);
    if (server) return { network, server };
  }
  throw new Error('no free network in 127.100.0.0 to 127.199.255.0');
}

class Lizard {
  /** Starts it on the ports of the real Azure, which the clients cannot be told to leave: that takes root. */
  static async start(program, options = []) {
    const lizard = new Lizard();
    lizard.program = program;
    lizard.stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'iotc-ha-fidelity-'));
    const { network, server } = await takeNetwork();
    lizard.mark = server;
    const log = fs.openSync(path.join(lizard.stateDir, 'run.log'), 'a');
    lizard.child = spawn(program, ['run', '--state-dir', lizard.stateDir, '--network', network, ...options], {
      stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    lizard.child.on('error', () => {}); // exitCode stays null then, and the lizard never becomes ready
    lizard.facts = await eventually('the lizard is ready', async () => {
      if (lizard.child.exitCode !== null) throw new Error(`the lizard does not start: ${lizard.log().trim()}`);
      const status = await lizard.ask('status').catch(() => null);
      return status?.ready ? status : null;
    });
    return lizard;
  }

  /** One that somebody else has started, and will stop. */
  static async find(program, stateDir) {
    const lizard = new Lizard();
    lizard.program = program;
    lizard.stateDir = stateDir;
    lizard.facts = await lizard.ask('status');
    return lizard;
  }

  get dps() {
    return this.facts.dps.address;
  }

  hub(name) {
    return this.facts.hubs.find((hub) => hub.name === name).address;
  }

  /** The key of a device in the enrolment group, base64. */
  keyOf(id) {
    const key = Buffer.from(this.facts.group_key, 'base64');
    return createHmac('sha256', key).update(id, 'utf8').digest('base64');
  }

  log() {
    return fs.readFileSync(path.join(this.stateDir, 'run.log'), 'utf8');
  }

  /** The lines of a command's answer. */
  lines(...command) {
    return new Promise((resolve, reject) => {
      const all = [...command, '--json', '--state-dir', this.stateDir];
      execFile(this.program, all, { maxBuffer: 1 << 26 }, (error, out) => {
        if (error) return reject(new Error(`${command.join(' ')}: ${out.trim() || error.message}`));
        resolve(out.split('\n').filter(Boolean).map((line) => JSON.parse(line)));
      });
    });
  }

  async ask(...command) {
    return (await this.lines(...command))[0];
  }

  async device(id) {
    return (await this.ask('status')).devices.find((device) => device.id === id);
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await within('the lizard ends', ended);
    }
    this.mark.close();
    fs.rmSync(this.stateDir, { recursive: true, force: true });
  }
}

module.exports = { Lizard, eventually, within };
