#include "connection.hpp"

#include "http.hpp"
#include "paho_seams.hpp"
#include "tls_sessions.hpp"
#include "tunnel.hpp"

#include <mqtt/async_client.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace iotc_ha::hub {
namespace {

using core::Error;
using core::Fault;

// Publishes that Paho may hold before they are on the wire. Above what the worker's queue holds, so that ours counts.
constexpr int k_buffered_max = 4096;
// A keep-alive that is shorter asks for pings, and not for a link that must never be slower.
constexpr std::chrono::seconds k_user_timeout_min{10};

std::uint16_t port_of(const Endpoint& endpoint) {
  return endpoint.transport == Transport::WebSocket ? endpoint.websocket_port : endpoint.mqtt_port;
}

std::string name_of_hub(const Endpoint& endpoint) {
  return endpoint.assignment.hub + ':' + std::to_string(port_of(endpoint));
}

/// What Paho is told to connect to where a tunnel is to be its peer. Nothing listens there, and no name server knows
/// it: where the tunnel does not come in between, the connect fails before anything is sent. A new one for each
/// connection, by which the seams know it.
std::string tunnel_name() {
  static std::atomic<std::uint64_t> last = 0;
  return "tunnel-" + std::to_string(++last) + ".invalid";
}

bool needs_tunnel(const Endpoint& endpoint) {
  return endpoint.transport == Transport::WebSocket || !endpoint.proxy.empty();
}

/// MQTT 3.1.1 §3.2.2.3. Paho hands the code on as it is; its own codes are negative.
std::optional<Error> refusal(int return_code, const std::string& hub) {
  const auto refused = [&](Fault fault, const char* reason) {
    return Error{fault, hub + " refused the session: " + reason + " (CONNACK " + std::to_string(return_code) + ")", {}};
  };
  switch (return_code) {
    case 1: return refused(Fault::HubProtocol, "protocol version not accepted");
    case 2: return refused(Fault::HubProtocol, "client id not accepted");
    case 3: return refused(Fault::HubUnavailable, "server unavailable");
    case 4: return refused(Fault::HubBadCredentials, "malformed user name or password");
    case 5: return refused(Fault::HubNotAuthorized, "not authorized");
    default: return std::nullopt;
  }
}

/// A listener that only forwards. Paho calls the connect listener's on_success a second time in some set-ups and
/// completes pending publishes from inside the destructor of the client, so the receiver must bear repetition.
class Listener final : public mqtt::iaction_listener {
 public:
  using Reaction = std::function<void(const mqtt::token&)>;
  Listener(Reaction on_success, Reaction on_failure)
      : on_success_(std::move(on_success)), on_failure_(std::move(on_failure)) {}

  void on_success(const mqtt::token& token) override { on_success_(token); }
  void on_failure(const mqtt::token& token) override { on_failure_(token); }

 private:
  Reaction on_success_;
  Reaction on_failure_;
};

/// Small numbers travel through Paho as the user context of a token: no allocation whose life would have to be managed.
void* as_context(std::uint32_t number) {
  return reinterpret_cast<void*>(std::uintptr_t{number});  // NOLINT(performance-no-int-to-ptr): nobody follows it
}
std::uint32_t number_of(const mqtt::token& token) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(token.get_user_context()));
}

/// Paho tears its two threads and its globals down with the last client object and races with itself when one is made
/// at that moment (paho.mqtt.c #1669, #1623). This one is never connected and never goes.
void keep_paho_alive() {
  // Atomic only so that no optimiser takes the pointer away and a leak checker finds the object held.
  static const std::atomic<mqtt::async_client*> kept = new mqtt::async_client("tcp://127.0.0.1:1", "never-connected");
  static_cast<void>(kept.load());
}

}  // namespace

struct Connection::Paho {
  Endpoint endpoint;
  Sink sink;
  Awaited awaited;
  const bool clean_session;
  const std::string tunnel_host;   ///< "" without one
  std::unique_ptr<Tunnel> tunnel;  ///< from connect() on; goes after the client
  Listener connecting;
  Listener subscribing;
  Listener publishing;
  Listener disconnecting;
  std::shared_ptr<const paho_seams::Expected> expected;
  mqtt::async_client client;  // last: it goes first, and calls the listeners while it does

  Paho(Endpoint where, Sink to, Awaited what, bool clean)
      : endpoint(std::move(where)),
        sink(std::move(to)),
        awaited(std::move(what)),
        clean_session(clean),
        tunnel_host(needs_tunnel(endpoint) ? tunnel_name() : ""),
        connecting([this](const mqtt::token&) { sink(Connected{}); },
                   [this](const mqtt::token& token) { sink(Broken{connect_error(token.get_return_code())}); }),
        subscribing([this](const mqtt::token& token) { sink(Subscribed{number_of(token)}); },
                    [this](const mqtt::token& token) { sink(Broken{subscribe_error(token)}); }),
        publishing([this](const mqtt::token& token) { sink(Delivered{number_of(token)}); },
                   [this](const mqtt::token& token) { sink(Broken{call_error("publish", token.get_return_code())}); }),
        disconnecting([this](const mqtt::token&) { sink(Disconnected{}); },
                      [this](const mqtt::token&) { sink(Disconnected{}); }),
        // No persistence: the library's own would leave the messages behind with the next hub, and has no fsync.
        client(uri(), endpoint.assignment.device_id, mqtt::create_options(MQTTVERSION_3_1_1, k_buffered_max)) {
    // Once, and before connect: set later, these take the locks in the opposite order to the receive thread's. No
    // handler for "connected": it is what makes Paho tell the connect listener twice.
    client.set_connection_lost_handler([this](const std::string&) { sink(Broken{loss_error()}); });
    client.set_message_callback([this](const mqtt::const_message_ptr& message) { arrived(*message); });
  }

  [[nodiscard]] std::string uri() const {
    if (!tunnel_host.empty()) return "tcp://" + authority_of(tunnel_host, port_of(endpoint));
    return "ssl://" + authority_of(endpoint.assignment.hub, port_of(endpoint));
  }

  [[nodiscard]] mqtt::connect_options connect_options() const {
    mqtt::ssl_options
        tls;  // the version is what OpenSSL has, 1.2 at least: Paho heeds no other with OpenSSL 1.1 and later
    tls.set_verify(true);  // the host's name against the certificate; off by default
    tls.set_enable_server_cert_auth(true);
    if (!endpoint.ca_file.empty()) tls.set_trust_store(endpoint.ca_file.string());  // else OpenSSL's default store
    // No error handler here: Paho C++ 1.2.0 hands the address of a local copy of these options to the C library, which
    // uses it long after the copy is gone.

    mqtt::connect_options options;
    options.set_mqtt_version(MQTTVERSION_3_1_1);
    options.set_clean_session(clean_session);  // with true, a hub discards the C2D messages that it keeps for us
    options.set_automatic_reconnect(false);
    options.set_keep_alive_interval(endpoint.keep_alive);
    // The session has a clock of its own and destroys this object; Paho's must never come first with less to say.
    options.set_connect_timeout(std::chrono::duration_cast<std::chrono::seconds>(endpoint.timeout) +
                                std::chrono::seconds{10});
    options.set_user_name(endpoint.user_name);
    options.set_password(endpoint.password.reveal());
    if (tunnel_host.empty()) options.set_ssl(tls);
    return options;
  }

  void arrived(const mqtt::message& message) const {
    const auto& payload = message.get_payload_ref();
    if (payload.size() > Sessions::k_payload_max) {
      sink(Oversized{message.get_topic(), payload.size()});
      return;
    }
    Arrived arrived{message.get_topic(), payload.empty() ? std::string() : payload.to_string(), nullptr};
    if (!awaited.receipts || !arrived.topic.starts_with(awaited.topic_start)) return sink(std::move(arrived));
    const bool stored = awaited.receipts->await([&](std::shared_ptr<Receipt> receipt) {
      arrived.receipt = std::move(receipt);
      sink(std::move(arrived));
    });
    if (!stored) refuse();
  }

  /// Paho sends the PUBACK as soon as the message callback returns, whatever that answers: it must find nobody to send
  /// it to. What the hub gets no PUBACK for it sends again, in the next session.
  void refuse() const {
    // Without the seams there is only this way to keep the hub from taking the message for stored.
    if (!(tunnel ? paho_seams::cut(*tunnel->stand_in()) : paho_seams::cut())) std::abort();
    sink(Broken{Error{Fault::ConnectionLost,
                      "cut the connection to " + name_of_hub(endpoint) +
                          " because a message of the cloud could not be stored in time; the hub sends it again",
                      {}}});
  }

  [[nodiscard]] Error connect_error(int return_code) const {
    const std::string hub = name_of_hub(endpoint);
    if (auto refused = refusal(return_code, hub)) return *std::move(refused);
    if (tunnel) return tunnel_error(hub);
    return connect_error(paho_seams::take_trouble(), hub);
  }

  [[nodiscard]] Error connect_error(const paho_seams::Trouble& trouble, const std::string& hub) const {
    using Where = paho_seams::Trouble::Where;
    const std::string system = std::system_category().message(trouble.error_number);
    switch (trouble.where) {
      case Where::Unknown: break;
      case Where::Tcp:
        return {trouble.error_number == ETIMEDOUT ? Fault::TimedOut : Fault::Unreachable,
                "could not connect to " + hub + ": " + system,
                {}};
      case Where::Handshake:
        return {Fault::Unreachable,
                hub + " broke off the TLS handshake" + (trouble.error_number != 0 ? ": " + system : ""),
                {}};
      case Where::Certificate: return {Fault::TlsRefused, "no TLS with " + hub + ": " + trouble.text, {}};
      case Where::HostName:
        return {Fault::TlsRefused, "the certificate of " + hub + " is not for " + endpoint.assignment.hub, {}};
      case Where::AfterTls:
        return {Fault::Unreachable,
                hub + " closed the connection instead of answering CONNECT" +
                    (trouble.error_number != 0 ? ": " + system : ""),
                {}};
      case Where::Unprovoked: break;
    }
    return {Fault::Unreachable, "could not connect to " + hub, {}};
  }

  [[nodiscard]] Error tunnel_error(const std::string& hub) const {
    if (auto end = tunnel->end()) {
      if (!end->was_open) return std::move(end->error);
      return {Fault::Unreachable,
              hub + " closed the connection instead of answering CONNECT" +
                  (end->error.what.empty() ? "" : ": " + end->error.what),
              {}};
    }
    if (tunnel->stand_in()->taken() >= 0) return {Fault::Unreachable, "could not connect to " + hub, {}};
    return {Fault::BadConfiguration, "neither a proxy nor a WebSocket can be used with this build of Paho", {}};
  }

  [[nodiscard]] Error subscribe_error(const mqtt::token& token) const {
    const auto topics = token.get_topics();
    const std::string filter = topics && !topics->empty() ? (*topics)[0] : std::string("?");
    if (token.get_return_code() == 0x80) {
      return Error{Fault::HubProtocol, name_of_hub(endpoint) + " refused the subscription " + filter, {}};
    }
    return call_error("subscribe", token.get_return_code());
  }

  [[nodiscard]] Error call_error(std::string_view call, int return_code) const {
    return Error{Fault::ConnectionLost,
                 std::string(call) + " to " + name_of_hub(endpoint) +
                     " failed: " + mqtt::exception::printable_error(return_code),
                 {}};
  }

  [[nodiscard]] Error loss_error() const {
    const paho_seams::Trouble trouble = paho_seams::take_trouble();
    const auto end = tunnel ? tunnel->end() : std::nullopt;
    if (!end && trouble.where == paho_seams::Trouble::Where::Unprovoked) {
      return Error{Fault::Silent, name_of_hub(endpoint) + " did not answer a ping", {}};
    }
    std::string what = "lost the connection to " + name_of_hub(endpoint);
    if (end) {
      if (!end->error.what.empty()) what += ": " + end->error.what;
    } else if (!trouble.text.empty()) {
      what += ": " + trouble.text;
    } else if (trouble.error_number != 0) {
      what += ": " + std::system_category().message(trouble.error_number);
    }
    return Error{Fault::ConnectionLost, std::move(what), {}};
  }

  void expect_hub(const std::string& address) {
    const std::string& hub = endpoint.assignment.hub;
    paho_seams::Expected the_hub;
    the_hub.host = hub;
    the_hub.port = port_of(endpoint);
    the_hub.address = address;
    // Paho gives a dead connection up after two and a half times the keep-alive; the kernel does it after this, if
    // there is something that it has to send.
    the_hub.user_timeout = std::max(endpoint.keep_alive, k_user_timeout_min);
    the_hub.tls_key = tls_sessions::key_of(hub, port_of(endpoint), endpoint.ca_file);
    expected = paho_seams::expect(std::move(the_hub));
  }

  /// Begins to open the way, and sees to it that Paho takes it.
  void make_tunnel(const std::string& address) {
    Way way{endpoint.assignment.hub,
            port_of(endpoint),
            endpoint.transport == Transport::WebSocket,
            {},
            address,
            endpoint.ca_file,
            endpoint.timeout,
            endpoint.keep_alive};
    // A proxy that cannot be read has not been resolved either.
    if (auto proxy = read_proxy(endpoint.proxy)) way.proxy = *std::move(proxy);
    tunnel = std::make_unique<Tunnel>(std::move(way));
    paho_seams::Expected the_tunnel;
    the_tunnel.host = tunnel_host;
    the_tunnel.address = "127.0.0.1";
    the_tunnel.stand_in = tunnel->stand_in();
    expected = paho_seams::expect(std::move(the_tunnel));
  }

  /// Every call of Paho goes through here: its exceptions end here.
  template <typename Call>
  void guarded(std::string_view name, Call call) const {
    try {
      call();
    } catch (const mqtt::exception& error) {
      sink(Broken{call_error(name, error.get_return_code())});
    }
  }
};

Connection::Connection(Endpoint endpoint, const Sink& sink, Awaited awaited, bool clean_session) {
  try {
    keep_paho_alive();
    paho_ = std::make_unique<Paho>(std::move(endpoint), sink, std::move(awaited), clean_session);
  } catch (const mqtt::exception& error) {
    sink(Broken{Error{Fault::HubProtocol, std::string("Paho takes no client: ") + error.what(), {}}});
  }
}

Connection::~Connection() = default;

void Connection::connect(const std::string& address) {
  if (!paho_) return;
  if (paho_->tunnel_host.empty()) {
    paho_->expect_hub(address);
  } else {
    try {
      paho_->make_tunnel(address);
    } catch (const std::system_error& error) {
      return paho_->sink(Broken{Error{Fault::Busy, std::string("no tunnel: ") + error.what(), {}}});
    }
  }
  paho_->guarded("connect", [this] { paho_->client.connect(paho_->connect_options(), nullptr, paho_->connecting); });
}

void Connection::subscribe(std::size_t filter, const std::string& topic_filter) {
  if (!paho_) return;
  paho_->guarded("subscribe", [&] {
    paho_->client.subscribe(topic_filter, 1, as_context(static_cast<std::uint32_t>(filter)), paho_->subscribing);
  });
}

void Connection::publish(std::uint32_t delivery, const std::string& topic, const std::string& payload, int qos) {
  if (!paho_) return;
  paho_->guarded("publish", [&] {
    paho_->client.publish(topic, payload.data(), payload.size(), qos, false, as_context(delivery), paho_->publishing);
  });
}

void Connection::disconnect() {
  if (!paho_) return;
  paho_->guarded("disconnect", [this] { paho_->client.disconnect(0, nullptr, paho_->disconnecting); });
}

core::Result<std::string> host_to_resolve(const Endpoint& endpoint) {
  auto proxy = read_proxy(endpoint.proxy);
  if (!proxy) return tl::unexpected(std::move(proxy.error()));
  return *proxy ? (*proxy)->host : endpoint.assignment.hub;
}

}  // namespace iotc_ha::hub
