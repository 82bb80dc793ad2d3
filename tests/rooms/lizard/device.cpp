#include "device.hpp"

#include "provisioning.hpp"

#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>

#include <gtest/gtest.h>
#include <mosquitto.h>

#include <algorithm>

namespace iotc_ha::lizard::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int k_turn_ms = 5;

/// The library wants to be initialised once a process.
void initialise() {
  static const int done = mosquitto_lib_init();
  ASSERT_EQ(done, MOSQ_ERR_SUCCESS);
}

}  // namespace

Device::Device(const RunningLizard& lizard, Identity identity) : lizard_(lizard), identity_(std::move(identity)) {
  initialise();
  client_ = mosquitto_new(identity_.id.c_str(), identity_.clean_session, this);
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_tls_set(client_, lizard.facts()["ca_file"].get<std::string>().c_str(), nullptr, nullptr, nullptr, nullptr);
  mosquitto_connect_callback_set(client_, [](::mosquitto*, void* self, int code) {
    static_cast<Device*>(self)->connack_ = code;
    static_cast<Device*>(self)->connected_ = code == 0;
  });
  mosquitto_disconnect_callback_set(
      client_, [](::mosquitto*, void* self, int) { static_cast<Device*>(self)->connected_ = false; });
  mosquitto_subscribe_callback_set(client_, [](::mosquitto*, void* self, int, int, const int* granted) {
    static_cast<Device*>(self)->suback_ = granted[0];
  });
  mosquitto_publish_callback_set(
      client_, [](::mosquitto*, void* self, int id) { static_cast<Device*>(self)->acknowledged_ = id; });
  mosquitto_message_callback_set(client_, [](::mosquitto*, void* self, const mosquitto_message* message) {
    static_cast<Device*>(self)->inbox_.push_back(
        {.topic = message->topic,
         .body = std::string(static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)),
         .qos = message->qos});
  });
}

Device::~Device() { mosquitto_destroy(client_); }

bool Device::turn_until(const std::function<bool()>& condition, milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    if (mosquitto_loop(client_, k_turn_ms, 1) != MOSQ_ERR_SUCCESS) {
      connected_ = false;
      return condition();
    }
  }
  return true;
}

int Device::connect(const std::string& hub) {
  connack_ = -1;
  const core::Secret key = identity_.key.empty() ? key_of(lizard_, identity_.id) : core::Secret(identity_.key);
  const auto expiry = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + identity_.token_life;
  const core::Secret token = identity_.token.empty() ? azure::hub_token(key, hub, identity_.id, expiry).value()
                                                     : core::Secret(identity_.token);
  const std::string user = identity_.user_name.empty()
                               ? azure::hub_user_name(hub, identity_.id, "dtmi:Sample:Failover;1", "test")
                               : identity_.user_name;
  mosquitto_username_pw_set(client_, user.c_str(), token.reveal().c_str());
  if (mosquitto_connect(client_, hub.c_str(), 8883, 60) != MOSQ_ERR_SUCCESS) return -1;
  turn_until([this] { return connack_ >= 0; }, k_patience);
  return connack_;
}

int Device::subscribe(const std::string& filter, int qos) {
  suback_ = -1;
  mosquitto_subscribe(client_, nullptr, filter.c_str(), qos);
  turn_until([this] { return suback_ >= 0; }, k_patience);
  return suback_;
}

bool Device::subscribe_all() {
  return std::ranges::all_of(azure::hub_subscriptions(identity_.id),
                             [this](const std::string& filter) { return subscribe(filter) == 1; });
}

void Device::send(const std::string& topic, const std::string& body, int qos) {
  mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(body.size()), body.data(), qos, false);
}

bool Device::publish(const std::string& topic, const std::string& body, int qos) {
  int id = 0;
  mosquitto_publish(client_, &id, topic.c_str(), static_cast<int>(body.size()), body.data(), qos, false);
  return turn_until([&] { return acknowledged_ == id; }, k_patience);
}

std::optional<Device::Message> Device::receive(const std::string& topic_start, milliseconds limit) {
  const auto matches = [&](const Message& message) { return message.topic.starts_with(topic_start); };
  turn_until([&] { return std::ranges::any_of(inbox_, matches); }, limit);
  const auto found = std::ranges::find_if(inbox_, matches);
  if (found == inbox_.end()) return std::nullopt;
  Message message = *found;
  inbox_.erase(found);
  return message;
}

bool Device::is_closed(milliseconds limit) {
  return turn_until([this] { return !connected_; }, limit);
}

void Device::disconnect() {
  mosquitto_disconnect(client_);
  turn_until([this] { return !connected_; }, k_patience);
}

int Device::socket() const { return mosquitto_socket(client_); }

}  // namespace iotc_ha::lizard::test
