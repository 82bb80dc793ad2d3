'use strict';
// A device as Azure's sample for high availability makes it, on Microsoft's SDK for Node.js: DPS over MQTT before every
// connection, a retry policy that gives up a hub that answers "server unavailable", and one connect() when it is
// disconnected. What it measures while it is not connected is lost. The settings come as JSON in the first argument.

const { ExponentialBackOffWithJitter } = require('azure-iot-common');
const { Client, Message, SharedAccessKeyAuthenticationProvider } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Mqtt: ProvisioningMqtt } = require('azure-iot-provisioning-device-mqtt');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');

const settings = JSON.parse(process.argv[2]); // dps, scope, id, key, period_ms (0: none), token_life_s (0: the SDK's)

class GivesUpAnUnavailableHub {
  constructor() {
    this.usual = new ExponentialBackOffWithJitter();
  }

  nextRetryTimeout(count, throttled) {
    return this.usual.nextRetryTimeout(count, throttled);
  }

  shouldRetry(error) {
    return !/server unavailable/i.test(error.message) && this.usual.shouldRetry(error);
  }
}

let client = null;
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
  const margin = Math.ceil(settings.token_life_s / 5); // the daemon renews after 80 %, too
  const provider = SharedAccessKeyAuthenticationProvider.fromConnectionString(text, settings.token_life_s, margin);
  return Client.fromAuthenticationProvider(provider, Mqtt);
}

async function connect() {
  if (client) client.removeAllListeners();
  client = newClient(await register());
  client.setRetryPolicy(new GivesUpAnUnavailableHub());
  client.on('error', (error) => console.log(`error: ${error.message}`));
  client.on('disconnect', () => {
    console.log('disconnected');
    connected = false;
    connect(); // once: when it fails, the rejection ends the process, as that of the sample does
  });
  await client.open();
  connected = true;
  console.log('connected');
  client.on('message', (message) => client.complete(message, () => {}));
  client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload, () => {}));
  await client.getTwin();
}

function send(n) {
  const message = new Message(JSON.stringify({ n, temp: 20.2, humidity: 40.4 }));
  message.messageId = String(n);
  client.sendEvent(message, (error) => {
    if (error) console.log(`message ${n}: ${error.message}`);
  });
}

let measured = 0;
if (settings.period_ms > 0) {
  setInterval(() => {
    ++measured;
    if (connected) send(measured);
  }, settings.period_ms);
}
process.on('SIGTERM', () => process.exit(0));
connect();
