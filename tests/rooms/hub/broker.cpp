#include "broker.hpp"

#include <arpa/inet.h>
#include <ground/network.hpp>
#include <mosquitto.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;  // NOLINT(readability-redundant-declaration): posix_spawn() wants it

namespace iotc_ha::hub_test {
namespace {

using namespace std::chrono_literals;

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, own_address().c_str(), &address.sin_addr);
  return address;
}

bool answers(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = address_of(port);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

std::string payload_of(const mosquitto_message& message) {
  return {static_cast<const char*>(message.payload), static_cast<std::size_t>(message.payloadlen)};
}

}  // namespace

std::string own_address() {
  static const ground::Network network;
  std::string address = network.address();  // "127.x.y.0"
  address.back() = '1';
  return address;
}

std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = address_of(0);
  socklen_t length = sizeof address;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    close(fd);
    throw std::runtime_error("no free port on " + own_address());
  }
  close(fd);
  return ntohs(address.sin_port);
}

Broker::Broker(std::filesystem::path folder, const Options& options)
    : folder_(std::move(folder)), port_(options.port != 0 ? options.port : free_port()), plain_port_(free_port()) {
  const std::filesystem::path settings = folder_ / "mosquitto.conf";
  const std::filesystem::path passwords = folder_ / "passwords";
  std::ofstream(passwords) << "";
  std::ofstream(settings) << "per_listener_settings true\nuser root\nset_tcp_nodelay true\nlog_dest file "
                          << (folder_ / "broker.log").string() << "\nlog_type all\n"
                          << "listener " << port_ << ' ' << own_address() << "\ncertfile "
                          << options.keys.certificate_file.string() << "\nkeyfile " << options.keys.key_file.string()
                          << (options.refuse_everybody ? "\nallow_anonymous false\npassword_file " + passwords.string()
                                                       : "\nallow_anonymous true")
                          << "\nlistener " << plain_port_ << ' ' << own_address() << "\nallow_anonymous true\n";
  std::array<std::string, 3> words{"mosquitto", "-c", settings.string()};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
  // Debian has it in /usr/sbin, which is not in every PATH.
  if (posix_spawnp(&pid_, "/usr/sbin/mosquitto", nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("cannot start mosquitto");
  }
  for (const auto end = std::chrono::steady_clock::now() + 10s; !answers(plain_port_) || !answers(port_);) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("mosquitto does not listen: " + log());
    std::this_thread::yield();
  }
}

Broker::~Broker() {
  if (pid_ > 0) kill();
}

void Broker::kill() {
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Broker::pause() { ::kill(pid_, SIGSTOP); }

std::string Broker::log() const {
  std::ostringstream text;
  text << std::ifstream(folder_ / "broker.log").rdbuf();
  return text.str();
}

HubPlayer::HubPlayer(const Broker& broker, std::string twin) : twin_(std::move(twin)) {
  static const int initialised = mosquitto_lib_init();
  if (initialised != MOSQ_ERR_SUCCESS) throw std::runtime_error("no libmosquitto");
  client_ = mosquitto_new("the-hub-itself", true, this);
  mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message) {
    static_cast<HubPlayer*>(self)->came(message->topic, payload_of(*message));
  });
  mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
    auto* player = static_cast<HubPlayer*>(self);
    const std::scoped_lock lock(player->mutex_);
    player->subscribed_ = true;
    player->changed_.notify_all();
  });
  if (mosquitto_connect(client_, own_address().c_str(), broker.plain_port(), 60) != MOSQ_ERR_SUCCESS ||
      mosquitto_loop_start(client_) != MOSQ_ERR_SUCCESS) {
    throw std::runtime_error("the hub's player cannot connect");
  }
  std::array<std::string, 4> filters{"$iothub/twin/GET/#", "$iothub/twin/PATCH/properties/reported/#",
                                     "$iothub/methods/res/#", "devices/+/messages/events/#"};
  std::array<char*, 4> texts{filters[0].data(), filters[1].data(), filters[2].data(), filters[3].data()};
  mosquitto_subscribe_multiple(client_, nullptr, static_cast<int>(texts.size()), texts.data(), 1, 0, nullptr);
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, 10s, [this] { return subscribed_; })) {
    throw std::runtime_error("the hub's player gets no SUBACK");
  }
}

HubPlayer::~HubPlayer() {
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, false);
  mosquitto_destroy(client_);
}

void HubPlayer::publish(const std::string& topic, const std::string& payload, int qos) {
  mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()), payload.data(), qos, false);
}

std::vector<HubPlayer::Received> HubPlayer::wait_for(const std::string& prefix, std::size_t count,
                                                     std::chrono::milliseconds limit) {
  std::vector<Received> found;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] {
    found.clear();
    for (const Received& each : received_) {
      if (each.topic.starts_with(prefix)) found.push_back(each);
    }
    return found.size() >= count;
  });
  return found;
}

void HubPlayer::came(const std::string& topic, const std::string& payload) {
  const std::size_t query = topic.find("/?$rid=");
  const std::string rid = query == std::string::npos ? "" : topic.substr(query + 1);
  if (topic.starts_with("$iothub/twin/GET/")) publish("$iothub/twin/res/200/" + rid, twin_, 0);
  if (topic.starts_with("$iothub/twin/PATCH/properties/reported/")) {
    publish("$iothub/twin/res/204/" + rid + "&$version=2", "", 0);
  }
  const std::scoped_lock lock(mutex_);
  received_.push_back({topic, payload});
  changed_.notify_all();
}

}  // namespace iotc_ha::hub_test
