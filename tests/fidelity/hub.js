'use strict';
// What the device client does with a hub, over MQTT and MQTT over WebSocket.

const assert = require('node:assert/strict');
const { once } = require('node:events');

const { NoRetry } = require('azure-iot-common');
const { Client, Message, SharedAccessKeyAuthenticationProvider, SharedAccessSignature } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');

const { eventually, within } = require('./lizard.js');
const { register } = require('./provisioning.js');

const TRANSPORTS = { MQTT: Mqtt, 'MQTT over WebSocket': MqttWs };

class Device {
  constructor(lizard, id, transport, hub) {
    Object.assign(this, { lizard, id, transport: TRANSPORTS[transport], hub });
  }

  connectionString(key = this.lizard.keyOf(this.id)) {
    return `HostName=${this.hub};DeviceId=${this.id};SharedAccessKey=${key}`;
  }

  client(key) {
    return Client.fromConnectionString(this.connectionString(key), this.transport);
  }

  token(seconds) {
    const expiry = Math.floor(Date.now() / 1000) + seconds;
    return SharedAccessSignature.create(this.hub, this.id, this.lizard.keyOf(this.id), expiry).toString();
  }

  /** Opens a client, lets `work` use it, closes it. */
  async with(work, client = this.client()) {
    await within('open', client.open());
    try {
      return await work(client);
    } finally {
      await within('close', client.close());
    }
  }

  facts() {
    return this.lizard.device(this.id);
  }
}

async function telemetry(device, client) {
  const { lizard, id } = device;
  const before = (await lizard.ask('telemetry', '--count')).count;
  const body = { temp: 20.25, place: 'Köln & 東京' };
  const message = new Message(JSON.stringify(body));
  message.messageId = 'm 1/ä';
  message.correlationId = 'c=1&2';
  message.userId = 'somebody';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  const created = new Date().toISOString();
  message.properties.add('iothub-creation-time-utc', created);
  message.properties.add('key with space', 'a=b&c+d%20/ü');
  message.properties.add('dt-subject', 'thermostat');
  await within('the acknowledgement', client.sendEvent(message));
  const record = await lizard.ask('telemetry', '--device', id, '--since', String(before));
  assert.equal(record.mid, message.messageId);
  assert.equal(record.hub, 'hub-a');
  assert.deepEqual(record.body, body);
  assert.deepEqual(record.properties, {
    '$.mid': message.messageId,
    '$.cid': message.correlationId,
    '$.uid': message.userId,
    '$.ct': 'application/json',
    '$.ce': 'utf-8',
    'iothub-creation-time-utc': created,
    'key with space': 'a=b&c+d%20/ü',
    '$.sub': 'thermostat',
  });
}

async function manyMessages(device, client) {
  const { lizard, id } = device;
  const before = (await lizard.ask('telemetry', '--count')).count;
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  await within('200 acknowledgements', Promise.all(numbers.map((n) => client.sendEvent(new Message(`{"n":${n}}`)))));
  const records = await lizard.lines('telemetry', '--device', id, '--since', String(before));
  assert.deepEqual(records.map((record) => record.body.n), numbers);
}

async function largestMessage(device, client) {
  const { lizard, id } = device;
  const before = (await lizard.ask('telemetry', '--count')).count;
  const body = JSON.stringify('x'.repeat(250 * 1024));
  await within('the acknowledgement', client.sendEvent(new Message(body)));
  const record = await lizard.ask('telemetry', '--device', id, '--since', String(before));
  assert.equal(record.body.length, 250 * 1024);
}

async function twinGet(device, client) {
  await device.lizard.ask('desired', device.id, '{"fanSpeed":7,"nested":{"a":[1,2]}}');
  const stored = await device.lizard.ask('twin', device.id);
  const twin = await within('the twin', client.getTwin());
  assert.equal(twin.properties.desired.fanSpeed, 7);
  assert.deepEqual(twin.properties.desired.nested, { a: [1, 2] });
  assert.equal(twin.properties.desired.$version, stored.desired.$version);
}

const updateReported = (twin, patch) =>
  within(
    'the answer to a reported patch',
    new Promise((resolve, reject) => {
      twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
    }),
  );

async function reportedPatch(device, client) {
  const twin = await within('the twin', client.getTwin());
  const before = (await device.lizard.ask('twin', device.id)).reported;
  await updateReported(twin, { battery: 60.6, gone: 'soon', site: { room: 'north' } });
  await updateReported(twin, { gone: null, site: { floor: 2 } });
  const after = (await device.lizard.ask('twin', device.id)).reported;
  assert.equal(after.battery, 60.6);
  assert.deepEqual(after.site, { room: 'north', floor: 2 });
  assert.ok(!('gone' in after));
  assert.equal(after.$version, before.$version + 2);
}

async function badReportedPatch(device, client) {
  const twin = await within('the twin', client.getTwin());
  await assert.rejects(updateReported(twin, { 'not.allowed': 1 }), /not\.allowed/);
}

async function desiredPatch(device, client) {
  const twin = await within('the twin', client.getTwin());
  const seen = [];
  twin.on('properties.desired', (patch) => seen.push(structuredClone(patch))); // the client merges into the first
  await eventually('the client has subscribed', () => seen.length > 0); // it says at once what it has
  const { version } = await device.lizard.ask('desired', device.id, '{"fanSpeed":42}');
  const patch = await eventually('the desired patch', () => seen.find((one) => one.$version === version));
  assert.deepEqual(patch, { fanSpeed: 42, $version: version });
  assert.equal(twin.properties.desired.fanSpeed, 42);
}

async function directMethod(device, client) {
  client.onDeviceMethod('echo', (request, response) => response.send(201, { response: request.payload.message }));
  const answer = await eventually('the client has subscribed', () =>
    device.lizard.ask('command', device.id, 'echo', '{"message":"hi ä"}').catch(() => null),
  );
  assert.deepEqual(answer, { status: 201, payload: { response: 'hi ä' } });
  client.onDeviceMethod('nothing', (request, response) => response.send(404));
  const bare = await device.lizard.ask('command', device.id, 'nothing');
  assert.equal(bare.status, 404);
}

async function cloudToDevice(device, client) {
  const arrived = once(client, 'message');
  const { mid } = await device.lizard.ask(
    'c2d', device.id, '"14:30"', '--method-name', 'setAlarm', '--property', 'key with space=a=b&c',
  );
  const [message] = await within('the message', arrived);
  assert.equal(message.messageId, mid);
  assert.equal(message.to, `/devices/${device.id}/messages/deviceBound`);
  assert.equal(message.data.toString(), '"14:30"');
  assert.equal(message.properties.getValue('method-name'), 'setAlarm');
  assert.equal(message.properties.getValue('key with space'), 'a=b&c');
  await within('completing it', client.complete(message));
  await eventually('the queue is empty', async () => (await device.facts()).c2d_queued === 0);
}

/** While nobody is connected; then it comes once, and not again to the next connection. */
async function cloudToDeviceLater(device) {
  await eventually('the client has gone', async () => (await device.facts()).connected_to === null);
  const { mid } = await device.lizard.ask('c2d', device.id, '"later"');
  const first = device.client();
  const arrived = once(first, 'message');
  await device.with(async () => {
    const [message] = await within('the message', arrived);
    assert.equal(message.messageId, mid);
    await first.complete(message);
    await eventually('the queue is empty', async () => (await device.facts()).c2d_queued === 0);
  }, first);
  const second = device.client();
  const seen = [];
  second.on('message', (message) => seen.push(message.messageId));
  await device.with(async () => {
    const { mid: last } = await device.lizard.ask('c2d', device.id, '"last"');
    await eventually('the next message', () => seen.includes(last));
    assert.deepEqual(seen, [last]); // what was before it would have come before it
  }, second);
}

async function renewalByTheProgram(device) {
  const client = Client.fromSharedAccessSignature(device.token(60), device.transport);
  await device.with(async () => {
    const before = await device.facts();
    await within('the renewal', client.updateSharedAccessSignature(device.token(120)));
    await within('the acknowledgement', client.sendEvent(new Message('{"after":"renewal"}')));
    const after = await device.facts();
    assert.ok(after.connections > before.connections, 'it has not connected again');
    assert.equal(after.clean_disconnects - before.clean_disconnects, after.connections - before.connections);
  }, client);
}

async function renewalByTheClient(device) {
  const before = await device.facts();
  const authentication = SharedAccessKeyAuthenticationProvider.fromConnectionString(device.connectionString(), 4, 2);
  const client = Client.fromAuthenticationProvider(authentication, device.transport);
  await device.with(async () => {
    await eventually('three tokens', async () => (await device.facts()).connections >= before.connections + 3);
    await within('the acknowledgement', client.sendEvent(new Message('{"after":"renewals"}')));
    assert.equal((await device.facts()).expiry_cuts, before.expiry_cuts);
  }, client);
}

async function expiry(device) {
  const before = await device.facts();
  const client = Client.fromSharedAccessSignature(device.token(2), device.transport);
  client.setRetryPolicy(new NoRetry());
  const gone = once(client, 'disconnect');
  await within('open', client.open());
  await within('the end of the connection', gone);
  assert.equal((await device.facts()).expiry_cuts, before.expiry_cuts + 1);
  await within('close', client.close());
}

async function secondConnection(device) {
  const first = device.client();
  first.setRetryPolicy(new NoRetry());
  const kicked = once(first, 'disconnect');
  await within('open', first.open());
  await device.with(async (second) => {
    await within('the first is kicked', kicked);
    await within('the acknowledgement', second.sendEvent(new Message('{"who":"second"}')));
  });
  await within('close', first.close());
}

async function droppedSession(device) {
  await device.with(async (client) => {
    const before = await device.facts();
    client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload)); // it reconnects for these
    await eventually('the client has subscribed', () => device.lizard.ask('command', device.id, 'echo').catch(() => null));
    await device.lizard.ask('attack', 'hub-a', '--how', 'drop');
    await eventually('the client is back', async () => (await device.facts()).connections > before.connections);
    const answer = await eventually('the client has subscribed', () =>
      device.lizard.ask('command', device.id, 'echo', '7').catch(() => null),
    );
    assert.deepEqual(answer, { status: 200, payload: 7 });
  });
}

async function refused(device, client, expected) {
  client.setRetryPolicy(new NoRetry());
  await assert.rejects(within('the refusal', client.open()), expected);
}

async function run(lizard, table) {
  for (const transport of Object.keys(TRANSPORTS)) {
    const id = `hub-${transport.toLowerCase().replaceAll(' ', '-')}`;
    const { assignedHub } = await register(lizard, 'HTTP', id);
    const device = new Device(lizard, id, transport, assignedHub);
    const check = (operation, work) => table.check(`device, ${transport}`, operation, work);
    const connected = (operation, work) => check(operation, () => device.with((client) => work(device, client)));

    await connected('telemetry with system and application properties', telemetry);
    await connected('200 messages at once, in order', manyMessages);
    await connected('a message of 250 KiB', largestMessage);
    await connected('twin GET', twinGet);
    await connected('reported patch, merged and seen by the service', reportedPatch);
    await connected('a bad reported patch is refused with 400', badReportedPatch);
    await connected('desired patch, with $version', desiredPatch);
    await connected('direct method, with and without a body', directMethod);
    await connected('C2D received and completed', cloudToDevice);
    await check('C2D while away comes once', () => cloudToDeviceLater(device));
    await check('token renewed by the program', () => renewalByTheProgram(device));
    await check('token renewed by the client itself, three times', () => renewalByTheClient(device));
    await check('an expired token ends the connection', () => expiry(device));
    await check('a second connection kicks the first', () => secondConnection(device));
    await check('back by itself after a dropped session, methods work', () => droppedSession(device));
    await check('a wrong key is refused', () =>
      refused(device, device.client(lizard.keyOf('somebody-else')), /Not authorized/));
    await check('another hub refuses the device', () =>
      refused(device, new Device(lizard, id, transport, lizard.hub('hub-b')).client(), /Not authorized/));
  }
}

module.exports = { run };
