'use strict';
// How long a device is without its cloud after each fault: our daemon, and a client on Microsoft's SDK beside it. Needs
// root (ports 443 and 8883, network namespaces), dbus-daemon, nft. See ../README.md.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { picture, summary, table } = require('./report.js');
const { DELAY_MS, Rounds } = require('./rounds.js');
const { ROWS } = require('./rows.js');
const { installClients } = require('./stage.js');

const RIVALS_AT_ONCE = 2; // Node.js takes a second of one processor to start

const USAGE = `usage: failover.js --build BUILD [--only ROW]... [--client ours|rival] [--rounds N] [--write DIR]
rows: ${ROWS.map((row) => row.name).join(' ')}`;

function options() {
  const { values } = parseArgs({
    options: {
      build: { type: 'string' },
      only: { type: 'string', multiple: true },
      client: { type: 'string' },
      rounds: { type: 'string', default: '10' },
      write: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  const unknown = (values.only ?? []).filter((name) => !ROWS.some((row) => row.name === name));
  const client = values.client ?? 'ours';
  if (!values.build || !(rounds >= 1) || unknown.length > 0 || !['ours', 'rival'].includes(client)) {
    throw new Error(unknown.length > 0 ? `no row ${unknown.join(', ')}\n${USAGE}` : USAGE);
  }
  return { ...values, build: path.resolve(values.build), rounds };
}

async function playOne(entry, settings) {
  const began = Date.now();
  try {
    const results = await new Rounds(entry.row, entry.client, settings).play();
    if (results.length === 0) throw new Error('nothing happened');
    entry.results = results;
    entry.summary = summary(entry.row, entry.client, results);
  } catch (error) {
    entry.summary = { error: `failed: ${error.message.split('\n')[0]}` };
    console.error(`${entry.row.name}, ${entry.client}: ${error.message}`);
  }
  console.error(`${entry.row.name}, ${entry.client}: done in ${((Date.now() - began) / 1000).toFixed(0)} s`);
}

/** Works through a list, so many at a time. */
async function together(entries, many, work) {
  const waiting = [...entries];
  const worker = async () => {
    while (waiting.length > 0) await work(waiting.shift());
  };
  await Promise.all(Array.from({ length: Math.min(many, waiting.length) }, worker));
}

async function main() {
  const { build, only, client, rounds, write } = options();
  const clients = client === 'ours' ? null : installClients(build);
  const entries = ROWS.filter((row) => !only || only.includes(row.name)).flatMap((row) =>
    ['ours', 'rival']
      .filter((one) => (!client || one === client) && !(one === 'rival' && row.rival === false))
      .map((one) => ({ row, client: one })),
  );
  const settings = { build, clients, rounds };
  const play = (entry) => playOne(entry, settings);
  const slow = entries.filter((entry) => entry.row.slow);
  const quick = entries.filter((entry) => !entry.row.slow);
  const ours = quick.filter((entry) => entry.client === 'ours');
  const rivals = quick.filter((entry) => entry.client === 'rival');
  await together(ours, 1, play); // alone, since their milliseconds count
  await Promise.all([together(slow, slow.length, play), together(rivals, RIVALS_AT_ONCE, play)]);
  if (entries.some((entry) => entry.summary.error)) process.exitCode = 1;
  const text = `${table(entries)}\n`;
  console.log(text);
  if (!write) return;
  fs.mkdirSync(write, { recursive: true });
  const about =
    `Measured on ${new Date().toISOString().slice(0, 10)} by tests/bench/failover, ${DELAY_MS} ms one-way delay; see ` +
    'tests/bench/README.md for what the columns mean.\n\n![Recovery after each fault](failover.svg)\n\n';
  fs.writeFileSync(path.join(write, 'results.md'), `# Failover, measured\n\n${about}${text}`);
  fs.writeFileSync(path.join(write, 'failover.svg'), picture(entries));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
