'use strict';
// What a connected device costs at a message each 5 s: our daemon, and a client on Microsoft's SDK beside it. See ../README.md.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { Stage, installClients, pause, until } = require('../failover/stage.js');

const PERIOD_MS = 5000;
const WARM_UP_MS = 90_000; // start-up is another matter, and so is the process that asks DPS, which goes after a minute
const TICKS_PER_S = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const USAGE = 'usage: footprint.js --build BUILD [--minutes N] [--client ours|rival] [--write DIR]';

const read = (file) => fs.readFileSync(file, 'utf8');
const numberIn = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)[1]);

/** Of all threads together: context switches that a thread made of itself, each of which ended in a wake-up. */
function wakeUps(pid) {
  let count = 0;
  for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
    count += numberIn(read(`/proc/${pid}/task/${thread}/status`), 'voluntary_ctxt_switches');
  }
  return count;
}

/** CPU time in ns by the scheduler's own account where the kernel keeps it; ticks are too coarse for so little. */
function cpuSeconds(pid) {
  let nanoseconds = 0;
  try {
    for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]);
    }
  } catch {
    nanoseconds = 0;
  }
  if (nanoseconds > 0) return nanoseconds / 1e9;
  const fields = read(`/proc/${pid}/stat`).replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

const pssMb = (pid) => (numberIn(read(`/proc/${pid}/smaps_rollup`), 'Pss') * 1024) / 1e6;
const children = (pid) => read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean);

function strippedMb(program) {
  const copy = path.join(os.tmpdir(), `iotc-ha-stripped-${process.pid}`);
  try {
    execFileSync('strip', ['-o', copy, program]);
    return fs.statSync(copy).size / 1e6;
  } finally {
    fs.rmSync(copy, { force: true });
  }
}

async function measure(stage, client, minutes, program) {
  const id = `footprint-${client}`;
  const toml = `[sample]\ntelemetry_period = "${PERIOD_MS}ms"\n`;
  const subject =
    client === 'ours' ? await stage.startDaemon(id, { toml }) : stage.startRival(id, { periodMs: PERIOD_MS });
  try {
    await until(`${client} works`, 60_000, async () => {
      if (subject.over) throw new Error(`${client} has ended: ${subject.log().slice(-1000)}`);
      return (await stage.records('telemetry', 0, id)).length > 0;
    });
    const pid = subject.pid;
    const asking = [pid, ...children(pid)].map(pssMb);
    await pause(WARM_UP_MS);
    if (children(pid).length > 0) throw new Error(`${client} has processes beside it: ${children(pid)}`);
    const before = { wakeUps: wakeUps(pid), cpu: cpuSeconds(pid), time: performance.now() };
    await pause(minutes * 60_000);
    const seconds = (performance.now() - before.time) / 1000;
    const memory = read(`/proc/${pid}/smaps_rollup`);
    return {
      client,
      pssMb: (numberIn(memory, 'Pss') * 1024) / 1e6,
      askingMb: asking.reduce((sum, one) => sum + one, 0),
      rssMb: (numberIn(memory, 'Rss') * 1024) / 1e6,
      threads: numberIn(read(`/proc/${pid}/status`), 'Threads'),
      wakeUps: (wakeUps(pid) - before.wakeUps) / seconds,
      cpu: (cpuSeconds(pid) - before.cpu) / seconds,
      sizeMb: client === 'ours' ? strippedMb(program) : null,
    };
  } finally {
    await subject.stop();
  }
}

function table(results) {
  const head = ['client', 'PSS, MB', 'PSS while DPS is asked, MB', 'RSS, MB', 'threads', 'wake-ups a second', 'CPU s an hour', 'CPU, %', 'program, stripped, MB'];
  const line = (texts) => `| ${texts.join(' | ')} |`;
  const rows = results.map((one) =>
    line([
      one.client,
      one.pssMb.toFixed(1),
      one.askingMb.toFixed(1),
      one.rssMb.toFixed(1),
      one.threads,
      one.wakeUps.toFixed(2),
      (one.cpu * 3600).toFixed(2),
      (one.cpu * 100).toFixed(3),
      one.sizeMb === null ? '' : one.sizeMb.toFixed(2),
    ]),
  );
  return [line(head), line(head.map(() => '---')), ...rows, '', 'Aims of ours: PSS below 10 MB, CPU below 0.1 %.'].join('\n');
}

async function main() {
  const { values } = parseArgs({
    options: {
      build: { type: 'string' },
      minutes: { type: 'string', default: '2' },
      client: { type: 'string' },
      write: { type: 'string' },
    },
  });
  const minutes = Number(values.minutes);
  if (!values.build || !(minutes > 0)) throw new Error(USAGE);
  const build = path.resolve(values.build);
  const wanted = ['ours', 'rival'].filter((client) => !values.client || client === values.client);
  if (wanted.length === 0) throw new Error(USAGE);
  const clients = wanted.includes('rival') ? installClients(build) : null;
  const stage = await Stage.open({ build, clients, name: 'footprint', delayMs: 0 });
  try {
    const program = path.join(build, 'src/daemon/iotc-had');
    const text = `${table(await Promise.all(wanted.map((client) => measure(stage, client, minutes, program))))}\n`;
    console.log(text);
    if (!values.write) return;
    fs.mkdirSync(values.write, { recursive: true });
    fs.writeFileSync(path.join(values.write, 'footprint.md'), `# Footprint, at a message each 5 s\n\n${text}`);
  } finally {
    await stage.close();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
