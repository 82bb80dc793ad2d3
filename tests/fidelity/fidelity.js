'use strict';
// Starts a lizard of its own and runs the clients against it: in a process of their own, since Node.js reads whom it trusts
// beside its own authorities when it starts, and the provisioning clients have no option for that.
//
//   NODE_PATH={clients}/node_modules node fidelity.js {iotc-ha-lizard}

const { spawn } = require('node:child_process');
const path = require('node:path');

const { Lizard } = require('./lizard.js');

async function main(program) {
  const lizard = await Lizard.start(program, ['--retry-after', '1']);
  try {
    const checks = spawn(process.execPath, [path.join(__dirname, 'checks.js'), program, lizard.stateDir], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: lizard.facts.ca_file },
    });
    const code = await new Promise((resolve, reject) => {
      checks.once('error', reject);
      checks.once('exit', resolve);
    });
    if (code !== 0) console.log(`What the lizard said:\n${lizard.log()}`);
    return code === 0 ? 0 : 1;
  } finally {
    await lizard.stop();
  }
}

if (process.argv.length !== 3) {
  console.error('usage: fidelity.js PROGRAM');
  process.exit(2);
}
main(process.argv[2]).then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
