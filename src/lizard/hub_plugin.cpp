// The plugin in the mosquitto of a hub, or of DPS (plugin_opt_service dps): a thin shim. It knows the topics of the
// protocol; all else is decided by the cloud, at the other end of the socket whose number stands in
// IOTC_HA_LIZARD_LINK.

#include "hub_tap.hpp"
#include "link.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace iotc_ha::lizard {
namespace {

constexpr int k_verdict_timeout_ms = 5000;
constexpr std::uint8_t k_server_unavailable = 3;
constexpr std::uint32_t k_d2c_bytes_max = 256U * 1024U;

/// All that this process knows; mosquitto has one thread.
struct Hub {
  int socket = -1;
  bool is_dps = false;
  bool announced = false;
  std::uint64_t last_connection = 0;
  FrameReader reader;
  std::deque<Frame> waiting;
  std::string poison;
  struct Client {
    std::uint64_t number = 0;
    std::string id;
    std::unique_ptr<tap::Connection> tap;
  };
  std::unordered_map<const mosquitto*, Client> clients;
  std::unordered_map<std::uint64_t, const mosquitto*> client_of_connection;
};

Hub& hub() {
  static Hub instance;
  return instance;
}

/// The cloud is gone: without it this hub is nothing.
[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "iotc-ha-lizard hub: %s\n", what);
  std::_Exit(1);
}

void tell(const Frame& frame) {
  const std::string bytes = encode(frame);
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(hub().socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      give_up("the cloud does not listen any more");
    }
  }
}

/// Reads what is there, without waiting, into `waiting`.
void read_orders() {
  char bytes[16384];
  while (true) {
    const ssize_t count = recv(hub().socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) {
      hub().reader.append(bytes, static_cast<std::size_t>(count));
      continue;
    }
    if (count == 0) give_up("the cloud has closed the link");
    if (errno == EINTR) continue;
    if (errno == EAGAIN) break;
    give_up("the link to the cloud is broken");
  }
  while (auto frame = hub().reader.next()) hub().waiting.push_back(std::move(*frame));
  if (hub().reader.broken()) give_up("the cloud has sent something unreadable");
}

/// With a linger time of zero, the close that comes with the end of the process sends RST rather than FIN.
[[noreturn]] void die() {
  if (DIR* directory = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(directory)) {  // NOLINT(concurrency-mt-unsafe): one thread
      const int fd = std::atoi(entry->d_name);
      int domain = 0;
      int listening = 0;
      socklen_t size = sizeof domain;
      if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_INET) continue;
      size = sizeof listening;
      if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening != 0) continue;
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    closedir(directory);
  }
  kill(getpid(), SIGKILL);
  std::_Exit(1);
}

void obey(const Frame& frame) {
  switch (frame.kind) {
    case FrameKind::Send: {
      // A QoS 1 message goes to the client's session, which mosquitto keeps while the device is away.
      if (frame.number == 0 && !hub().client_of_connection.contains(frame.connection)) return;
      const int rc =
          mosquitto_broker_publish_copy(frame.name.c_str(), frame.topic.c_str(), static_cast<int>(frame.body.size()),
                                        frame.body.data(), frame.number, false, nullptr);
      if (rc != MOSQ_ERR_SUCCESS) std::fprintf(stderr, "cannot send on %s: error %d\n", frame.topic.c_str(), rc);
      return;
    }
    case FrameKind::Kick: {
      const auto found = hub().client_of_connection.find(frame.connection);
      if (found == hub().client_of_connection.end()) return;
      const std::string id = hub().clients.at(found->second).id;
      mosquitto_kick_client_by_clientid(id.c_str(), false);
      return;
    }
    case FrameKind::KickAll: mosquitto_kick_client_by_clientid(nullptr, false); return;
    case FrameKind::Poison: hub().poison = frame.body; return;
    case FrameKind::Die: die();
    default: give_up("the cloud has sent an order that is none");
  }
}

void obey_orders() {
  read_orders();
  while (!hub().waiting.empty()) {
    const Frame frame = std::move(hub().waiting.front());
    hub().waiting.pop_front();
    obey(frame);
  }
}

/// Waits for the answer to a Connect; orders that come before it keep their place.
std::uint8_t wait_for_verdict(std::uint64_t connection) {
  while (true) {
    read_orders();
    for (auto frame = hub().waiting.begin(); frame != hub().waiting.end(); ++frame) {
      if (frame->kind != FrameKind::Verdict) continue;
      const bool ours = frame->connection == connection;
      const std::uint8_t code = frame->number;
      hub().waiting.erase(frame);
      if (ours) return code;
      break;
    }
    pollfd readable{.fd = hub().socket, .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, k_verdict_timeout_ms) == 0) return k_server_unavailable;
  }
}

int on_basic_auth(int, void* data, void*) {
  const auto* event = static_cast<mosquitto_evt_basic_auth*>(data);
  const char* id = mosquitto_client_id(event->client);
  const std::uint64_t number = ++hub().last_connection;
  tell({.kind = FrameKind::Connect,
        .number = static_cast<std::uint8_t>(mosquitto_client_protocol_version(event->client)),
        .flag = mosquitto_client_clean_session(event->client),
        .connection = number,
        .name = id == nullptr ? "" : id,
        .topic = event->username == nullptr ? "" : event->username,
        .body = event->password == nullptr ? "" : event->password});
  const std::uint8_t code = wait_for_verdict(number);
  if (code != 0) {
    tap::refuse_with(code);
    return MOSQ_ERR_AUTH;
  }
  auto watch = std::make_unique<tap::Connection>([number](const std::string& topic) {
    tell({.kind = FrameKind::Completed, .connection = number, .topic = topic});
  });
  hub().clients[event->client] = {.number = number, .id = id == nullptr ? "" : id, .tap = std::move(watch)};
  hub().client_of_connection[number] = event->client;
  return MOSQ_ERR_SUCCESS;
}

int on_disconnect(int, void* data, void*) {
  const auto* event = static_cast<mosquitto_evt_disconnect*>(data);
  const auto found = hub().clients.find(event->client);
  if (found == hub().clients.end()) return MOSQ_ERR_SUCCESS;
  tell({.kind = FrameKind::Disconnected,
        .flag = found->second.tap->said_disconnect(),
        .connection = found->second.number});
  hub().client_of_connection.erase(found->second.number);
  hub().clients.erase(found);
  return MOSQ_ERR_SUCCESS;
}

bool is_documented_subscription(std::string_view filter, const std::string& id) {
  if (hub().is_dps) return filter == "$dps/registrations/res/#";
  return filter == "devices/" + id + "/messages/devicebound/#" || filter == "devices/+/messages/devicebound/#" ||
         filter == "$iothub/twin/res/#" || filter == "$iothub/twin/PATCH/properties/desired/#" ||
         filter == "$iothub/methods/POST/#";
}

bool is_documented_publication(std::string_view topic, const std::string& id) {
  if (hub().is_dps) {
    return topic.starts_with("$dps/registrations/PUT/iotdps-register/?$rid=") ||
           topic.starts_with("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=");
  }
  const std::string events = "devices/" + id + "/messages/events";
  return topic == events || topic.starts_with(events + "/") || topic.starts_with("$iothub/twin/GET/?$rid=") ||
         topic.starts_with("$iothub/twin/PATCH/properties/reported/?$rid=") ||
         topic.starts_with("$iothub/methods/res/");
}

int on_acl_check(int, void* data, void*) {
  const auto* event = static_cast<mosquitto_evt_acl_check*>(data);
  const auto found = hub().clients.find(event->client);
  if (found == hub().clients.end()) return MOSQ_ERR_ACL_DENIED;
  switch (event->access) {
    case MOSQ_ACL_READ:
    case MOSQ_ACL_UNSUBSCRIBE: return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_SUBSCRIBE:
      if (!is_documented_subscription(event->topic, found->second.id)) return MOSQ_ERR_ACL_DENIED;  // SUBACK 0x80
      tell({.kind = FrameKind::Subscribe,
            .number = event->qos,
            .connection = found->second.number,
            .topic = event->topic});
      return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_WRITE:
      // Any other error than ACL_DENIED makes mosquitto close the connection, as an IoT hub does.
      return is_documented_publication(event->topic, found->second.id) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_PROTOCOL;
    default: return MOSQ_ERR_ACL_DENIED;
  }
}

int on_message(int, void* data, void*) {
  auto* event = static_cast<mosquitto_evt_message*>(data);
  const auto found = hub().clients.find(event->client);
  if (found == hub().clients.end()) return MOSQ_ERR_PROTOCOL;
  if (event->payloadlen > k_d2c_bytes_max) return MOSQ_ERR_PAYLOAD_SIZE;
  Frame frame{.kind = FrameKind::Publish,
              .number = event->qos,
              .flag = event->retain,
              .connection = found->second.number,
              .topic = event->topic};
  if (event->payloadlen > 0) frame.body.assign(static_cast<const char*>(event->payload), event->payloadlen);
  if (!hub().poison.empty() && frame.body.find(hub().poison) != std::string::npos) {
    tell({.kind = FrameKind::Poisoned, .connection = found->second.number});
    return MOSQ_ERR_PROTOCOL;  // closes the connection, without a PUBACK
  }
  // In the cloud's socket before mosquitto writes the PUBACK: what is acknowledged is never lost with this process.
  tell(frame);
  event->retain = false;
  return MOSQ_ERR_SUCCESS;
}

}  // namespace
}  // namespace iotc_ha::lizard

extern "C" {

/// mosquitto's loop sleeps here for up to 100 ms. An order of the cloud ends the sleep, and is carried out here:
/// between two turns of the loop, where mosquitto itself holds no client in its hands.
__attribute__((visibility("default"))) int epoll_wait(int epoll_fd, epoll_event* events, int size, int timeout_ms) {
  using namespace iotc_ha::lizard;
  using Wait = int(int, epoll_event*, int, int);
  static const auto real_wait = reinterpret_cast<Wait*>(dlsym(RTLD_NEXT, "epoll_wait"));
  if (hub().socket < 0) return real_wait(epoll_fd, events, size, timeout_ms);
  if (!hub().announced) {
    hub().announced = true;
    tell({.kind = FrameKind::Ready});
  }
  if (hub().waiting.empty()) {
    pollfd either[2] = {{.fd = epoll_fd, .events = POLLIN, .revents = 0},
                        {.fd = hub().socket, .events = POLLIN, .revents = 0}};
    if (poll(either, 2, timeout_ms) < 0) return -1;
    if (either[1].revents == 0) return real_wait(epoll_fd, events, size, 0);
  }
  obey_orders();
  return real_wait(epoll_fd, events, size, 0);
}

__attribute__((visibility("default"))) int mosquitto_plugin_version(int supported_count, const int* supported) {
  for (int i = 0; i < supported_count; ++i) {
    if (supported[i] == 5) return 5;
  }
  return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void**,
                                                                 mosquitto_opt* options, int option_count) {
  using namespace iotc_ha::lizard;
  const char* socket = std::getenv("IOTC_HA_LIZARD_LINK");  // NOLINT(concurrency-mt-unsafe): one thread
  if (socket == nullptr) {
    std::fprintf(stderr, "this plugin works only in a mosquitto that iotc-ha-lizard has started\n");
    return MOSQ_ERR_INVAL;
  }
  hub().socket = std::atoi(socket);
  for (int i = 0; i < option_count; ++i) {
    if (std::string_view(options[i].key) == "service") hub().is_dps = std::string_view(options[i].value) == "dps";
  }
  const std::pair<int, MOSQ_FUNC_generic_callback> callbacks[] = {{MOSQ_EVT_BASIC_AUTH, on_basic_auth},
                                                                  {MOSQ_EVT_DISCONNECT, on_disconnect},
                                                                  {MOSQ_EVT_ACL_CHECK, on_acl_check},
                                                                  {MOSQ_EVT_MESSAGE, on_message}};
  for (const auto& [event, callback] : callbacks) {
    const int rc = mosquitto_callback_register(identifier, event, callback, nullptr, nullptr);
    if (rc != MOSQ_ERR_SUCCESS) return rc;
  }
  return MOSQ_ERR_SUCCESS;
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int) {
  return MOSQ_ERR_SUCCESS;
}

}  // extern "C"
