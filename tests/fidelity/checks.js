'use strict';
// Puts Microsoft's official device clients, unmodified, to all that a device does, against the running lizard whose state
// directory is given. Prints a table of each operation and how it went, and ends with 0 only if the clients found everything
// as they expect it.

const { Lizard } = require('./lizard.js');
const provisioning = require('./provisioning.js');
const hub = require('./hub.js');

class Table {
  constructor() {
    this.rows = [];
  }

  async check(client, operation, work) {
    let result = 'ok';
    try {
      await work();
    } catch (error) {
      result = `FAILED: ${String(error?.message ?? error).split('\n').filter(Boolean).join(' ')}`;
    }
    this.rows.push([client, operation, result]);
  }

  failures() {
    return this.rows.filter((row) => row[2] !== 'ok').length;
  }

  print() {
    const rows = [['client', 'operation', 'result'], ...this.rows];
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)));
    for (const row of rows) console.log(`${row[0].padEnd(widths[0])} | ${row[1].padEnd(widths[1])} | ${row[2]}`);
    console.log(`${this.rows.length} operations, ${this.failures()} failed`);
  }
}

async function main(program, stateDir) {
  const lizard = await Lizard.find(program, stateDir);
  const table = new Table();
  await provisioning.run(lizard, table);
  await hub.run(lizard, table);
  table.print();
  return table.rows.length > 0 && table.failures() === 0 ? 0 : 1;
}

// A client that fails where nobody waits for it has failed too.
process.on('unhandledRejection', (error) => {
  console.error(error);
  process.exit(1);
});
main(process.argv[2], process.argv[3]).then((code) => process.exit(code));
