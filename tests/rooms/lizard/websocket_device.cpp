#include "websocket_device.hpp"

#include "provisioning.hpp"

#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>

#include <MQTTClient.h>
#include <gtest/gtest.h>

namespace iotc_ha::lizard::test {
namespace {

WebSocketDevice::Login hub_login(const RunningLizard& lizard, const std::string& hub, const std::string& id) {
  const auto expiry =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(1);
  return {.id = id,
          .user_name = azure::hub_user_name(hub, id, "dtmi:Sample:Failover;1", "test"),
          .password = azure::hub_token(key_of(lizard, id), hub, id, expiry).value().reveal()};
}

}  // namespace

WebSocketDevice::WebSocketDevice(const RunningLizard& lizard, const std::string& place, Login login)
    : login_(std::move(login)), ca_file_(lizard.facts()["ca_file"]) {
  const std::size_t slash = place.find('/');
  const std::string uri = "wss://" + place.substr(0, slash) + ":" + lizard.facts()["dps"]["port"].dump() +
                          (slash == std::string::npos ? "/" : place.substr(slash));
  EXPECT_EQ(MQTTClient_create(&client_, uri.c_str(), login_.id.c_str(), MQTTCLIENT_PERSISTENCE_NONE, nullptr),
            MQTTCLIENT_SUCCESS);
}

WebSocketDevice::WebSocketDevice(const RunningLizard& lizard, const std::string& hub, const std::string& id)
    : WebSocketDevice(lizard, hub + "/$iothub/websocket?iothub-no-client-cert=true", hub_login(lizard, hub, id)) {}

WebSocketDevice::~WebSocketDevice() {
  disconnect();  // destroying a connected client leaks its TLS (leak sanitizer, Paho 1.3.12)
  MQTTClient_destroy(&client_);
}

int WebSocketDevice::connect() {
  MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
  tls.trustStore = ca_file_.c_str();
  tls.verify = 1;
  MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
  options.MQTTVersion = MQTTVERSION_3_1_1;
  options.cleansession = 0;
  options.username = login_.user_name.c_str();
  options.password = login_.password.c_str();
  options.connectTimeout = static_cast<int>(k_patience.count());
  options.ssl = &tls;
  return MQTTClient_connect(client_, &options);
}

bool WebSocketDevice::subscribe(const std::string& filter) {
  return MQTTClient_subscribe(client_, filter.c_str(), 1) == MQTTCLIENT_SUCCESS;
}

bool WebSocketDevice::publish(const std::string& topic, const std::string& body, std::chrono::milliseconds limit) {
  MQTTClient_deliveryToken token = 0;
  const int sent = MQTTClient_publish(client_, topic.c_str(), static_cast<int>(body.size()), body.data(), 1, 0, &token);
  return sent == MQTTCLIENT_SUCCESS &&
         MQTTClient_waitForCompletion(client_, token, static_cast<unsigned long>(limit.count())) == MQTTCLIENT_SUCCESS;
}

std::optional<std::string> WebSocketDevice::receive(std::chrono::milliseconds limit) {
  char* topic = nullptr;
  int size = 0;
  MQTTClient_message* message = nullptr;
  MQTTClient_receive(client_, &topic, &size, &message, static_cast<unsigned long>(limit.count()));
  if (message == nullptr) return std::nullopt;
  std::string result(topic);
  MQTTClient_freeMessage(&message);
  MQTTClient_free(topic);
  return result;
}

bool WebSocketDevice::is_closed(std::chrono::milliseconds limit) {
  return eventually(
      [this] {
        MQTTClient_yield();
        return MQTTClient_isConnected(client_) == 0;
      },
      limit);
}

void WebSocketDevice::disconnect() { MQTTClient_disconnect(client_, 1000); }

}  // namespace iotc_ha::lizard::test
