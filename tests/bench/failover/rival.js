'use strict';
// A device as Azure's sample for high availability makes it, on Microsoft's SDK for Node.js: DPS over MQTT before every
// connection; a retry policy that gives up a hub when CONNACK says 3, by the exact text, and leaves all else to the SDK; when
// the SDK says that it is disconnected, one close() and one connect(). What it measures while it is not connected is lost. The
// settings come as JSON in the first argument. At its end it says how many messages it has made.

const { ExponentialBackOffWithJitter } = require('azure-iot-common');
const { Client, Message, SharedAccessKeyAuthenticationProvider } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Mqtt: ProvisioningMqtt } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');

const REPORT_MS = 15_000;
const LAST_ANSWERS_MS = 1000;

const settings = JSON.parse(process.argv[2]); // dps, scope, id, key, period_ms (0: none), token_life_s (0: the SDK's)

class GivesUpAnUnavailableHub extends ExponentialBackOffWithJitter {
  shouldRetry(error) {
    return error.message !== 'Connection refused: Server unavailable' && super.shouldRetry(error);
  }
}

let client = null;
let twin = null;
let connected = false;

async function register() {
  const security = new SymmetricKeySecurityClient(settings.id, settings.key);
  const provisioning = ProvisioningDeviceClient.create(settings.dps, settings.scope, new ProvisioningMqtt(), security);
  provisioning.setProvisioningPayload({ iotcModelId: 'dtmi:Sample:Failover;1' });
  return (await provisioning.register()).assignedHub;
}

function newClient(hub) {
  const text = `HostName=${hub};DeviceId=${settings.id};SharedAccessKey=${settings.key}`;
  if (settings.token_life_s === 0) return Client.fromConnectionString(text, Mqtt);
  const margin = Math.ceil(settings.token_life_s / 5); // the daemon renews after 70 to 90 %
  const provider = SharedAccessKeyAuthenticationProvider.fromConnectionString(text, settings.token_life_s, margin);
  return Client.fromAuthenticationProvider(provider, Mqtt);
}

async function connect() {
  client = newClient(await register());
  client.setRetryPolicy(new GivesUpAnUnavailableHub());
  client.on('connect', () => (connected = true));
  client.on('disconnect', reconnect);
  client.on('error', (error) => console.log(`error: ${error.message}`));
  client.on('message', (message) => client.complete(message, () => {}));
  await client.open();
  twin = await client.getTwin();
  twin.on('properties.desired', () => {});
  client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload, () => {}));
}

/** Once: when it fails, the rejection ends the process, as that of the sample does. */
async function reconnect() {
  if (!connected) return;
  connected = false;
  console.log('disconnected');
  await client.close();
  await connect();
}

const timers = [];
let measured = 0;

function send() {
  const n = ++measured;
  if (!connected) return;
  const message = new Message(JSON.stringify({ n, temp: 20.2, humidity: 40.4 }));
  message.messageId = String(n);
  client.sendEvent(message, (error) => {
    if (error) console.log(`message ${n}: ${error.message}`);
  });
}

function report() {
  if (connected && twin) twin.properties.reported.update({ battery: 50 }, () => {});
}

async function main() {
  await connect();
  if (settings.period_ms > 0) timers.push(setInterval(send, settings.period_ms), setInterval(report, REPORT_MS));
}

process.once('SIGTERM', () => {
  timers.forEach(clearInterval);
  setTimeout(() => process.exit(0), LAST_ANSWERS_MS);
});
process.on('exit', () => console.log(`measured ${measured}`));
main();
