'use strict';
// What the provisioning client does, over each of its transports.

const assert = require('node:assert/strict');

const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');

const { within } = require('./lizard.js');

const MODEL = 'dtmi:Sample:Failover;1';
const TRANSPORTS = { HTTP: Http, MQTT: Mqtt, 'MQTT over WebSocket': MqttWs };

/** Registers as a program that uses the client does. */
function register(lizard, transport, id, { key = lizard.keyOf(id), scope = lizard.facts.id_scope } = {}) {
  const security = new SymmetricKeySecurityClient(id, key);
  const client = ProvisioningDeviceClient.create(lizard.dps, scope, new TRANSPORTS[transport](), security);
  client.setProvisioningPayload({ modelId: MODEL });
  return within(`the registration of ${id}`, client.register());
}

async function refusal(promise) {
  const outcome = await promise.then(
    (result) => ({ result }),
    (error) => ({ error }),
  );
  assert.ok(outcome.error, `accepted: ${JSON.stringify(outcome.result)}`);
  return outcome.error;
}

async function run(lizard, table) {
  for (const transport of Object.keys(TRANSPORTS)) {
    const client = `provisioning, ${transport}`;
    const id = `dps-${transport.toLowerCase().replaceAll(' ', '-')}`;

    await table.check(client, 'register, and wait while assigning', async () => {
      const before = (await lizard.ask('status')).dps;
      const result = await register(lizard, transport, id);
      assert.equal(result.status, 'assigned');
      assert.equal(result.assignedHub, lizard.hub('hub-a'));
      assert.equal(result.deviceId, id);
      assert.equal(result.registrationId, id);
      const after = (await lizard.ask('status')).dps;
      assert.equal(after.registrations, before.registrations + 1);
      assert.equal(after.polls, before.polls + 1, 'the first answer was assigning');
      assert.equal((await lizard.device(id)).model_id, MODEL);
    });
    await table.check(client, 'register again after a move: the other hub', async () => {
      await lizard.ask('move', id, 'hub-b');
      assert.equal((await register(lizard, transport, id)).assignedHub, lizard.hub('hub-b'));
    });
    if (transport === 'HTTP') {
      await table.check(client, 'a throttle (429) is told', async () => {
        await lizard.ask('throttle', '--retry-after', '1');
        const error = await refusal(register(lizard, transport, id));
        await lizard.ask('throttle', '--off');
        assert.equal(error.name, 'ThrottlingError');
      });
    } else {
      await table.check(client, 'a throttle (429) is waited out', async () => {
        await lizard.ask('throttle', '--retry-after', '1', '--for', '2');
        const start = Date.now();
        assert.equal((await register(lizard, transport, id)).status, 'assigned');
        assert.ok(Date.now() - start >= 2000, 'it was not made to wait');
      });
    }
    await table.check(client, 'a wrong key is refused', async () => {
      const error = await refusal(register(lizard, transport, id, { key: lizard.keyOf('somebody-else') }));
      if (transport === 'HTTP') {
        assert.equal(error.name, 'UnauthorizedError');
        assert.equal(JSON.parse(error.responseBody).errorCode, 401002);
      } else {
        assert.match(error.message, /Not authorized/);
      }
    });
    await table.check(client, 'an unknown ID scope is refused', async () => {
      const error = await refusal(register(lizard, transport, id, { scope: '0ne00000000' }));
      if (transport === 'HTTP') {
        assert.equal(error.message, 'Not found');
        assert.equal(JSON.parse(error.responseBody).errorCode, 404201);
      } else {
        assert.match(error.message, /Not authorized/);
      }
    });
  }
}

module.exports = { run, register };
