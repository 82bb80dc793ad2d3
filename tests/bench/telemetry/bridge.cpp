#include "bridge.hpp"

#include "disk.hpp"
#include "process.hpp"
#include "wait.hpp"

#include <mosquitto.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

namespace iotc_ha::bench {
namespace {

using integration::eventually;
using integration::Process;
using std::chrono::milliseconds;

constexpr int k_local_port = 18831;
constexpr int k_hub_port = 18832;
constexpr const char* k_topic = "devices/bench/messages/events/";

void well(int rc, const char* what) {
  if (rc != MOSQ_ERR_SUCCESS) throw std::runtime_error(std::string(what) + ": " + mosquitto_strerror(rc));
}

/// A client that does nothing outside turn().
class Client {
 public:
  Client(const std::string& address, int port) : client_(mosquitto_new(nullptr, true, this), &mosquitto_destroy) {
    mosquitto_publish_callback_set(
        client_.get(), [](mosquitto*, void* self, int id) { static_cast<Client*>(self)->acknowledged(id); });
    mosquitto_message_callback_set(client_.get(), [](mosquitto*, void* self, const mosquitto_message*) {
      ++static_cast<Client*>(self)->received_;
    });
    mosquitto_subscribe_callback_set(client_.get(), [](mosquitto*, void* self, int, int, const int*) {
      static_cast<Client*>(self)->subscribed_ = true;
    });
    mosquitto_int_option(client_.get(), MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_int_option(client_.get(), MOSQ_OPT_SEND_MAXIMUM, 1000);
    const auto connected = [&] {
      return mosquitto_connect(client_.get(), address.c_str(), port, 60) == MOSQ_ERR_SUCCESS;
    };
    if (!eventually(connected)) throw std::runtime_error("mosquitto does not listen on " + address);
  }

  void subscribe() {
    well(mosquitto_subscribe(client_.get(), nullptr, "#", 1), "subscribe");
    if (!eventually([this] {
          turn(milliseconds{10});
          return subscribed_;
        })) {
      throw std::runtime_error("mosquitto does not answer SUBSCRIBE");
    }
  }
  void publish(const std::string& text) {
    int id = 0;
    well(mosquitto_publish(client_.get(), &id, k_topic, static_cast<int>(text.size()), text.data(), 1, false),
         "publish");
    under_way_[id] = Clock::now();
  }
  void turn(milliseconds wait) { well(mosquitto_loop(client_.get(), static_cast<int>(wait.count()), 1), "loop"); }

  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] const Durations& durations() const { return durations_; }

 private:
  void acknowledged(int id) {
    const auto found = under_way_.find(id);
    if (found == under_way_.end()) return;
    durations_.add(since(found->second));
    under_way_.erase(found);
  }

  std::unique_ptr<mosquitto, decltype(&mosquitto_destroy)> client_;
  std::map<int, Clock::time_point> under_way_;
  Durations durations_;
  std::uint64_t received_ = 0;
  bool subscribed_ = false;
};

const std::string k_no_limits =
    "user root\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n"
    "log_type error\n";

std::string listener(const std::string& address, int port) {
  return "listener " + std::to_string(port) + " " + address + "\n";
}

std::unique_ptr<Process> start_broker(const std::filesystem::path& folder, const std::string& name,
                                      const std::string& configuration) {
  const auto file = folder / (name + ".conf");
  integration::write_file(file, configuration);
  return std::make_unique<Process>(integration::Command{"/usr/sbin/mosquitto", "-c", file.string()}, folder / name);
}

/// Publishes for the time of the run, and waits for what has not been acknowledged.
Durations publish(const std::string& address, const BridgeRun& run, std::atomic<std::uint64_t>& number,
                  const std::function<std::string(std::uint64_t)>& text) {
  Client client(address, k_local_port);
  const auto begin = Clock::now();
  while (since(begin) < run.publish_time) {
    while (client.under_way() < run.unanswered) client.publish(text(++number));
    client.turn(milliseconds{100});
  }
  const auto all_answered = [&] {
    if (client.under_way() > 0) client.turn(milliseconds{100});
    return client.under_way() == 0;
  };
  if (!eventually(all_answered)) throw std::runtime_error("mosquitto owes acknowledgements");
  return client.durations();
}

}  // namespace

BridgeFigures run_bridge(const std::filesystem::path& folder, const std::string& address, const BridgeRun& run,
                         const std::function<std::string(std::uint64_t)>& text) {
  std::filesystem::create_directories(folder / "persistence");
  const auto hub = start_broker(folder, "hub", listener(address, k_hub_port) + k_no_limits);
  Client subscriber(address, k_hub_port);
  subscriber.subscribe();
  const auto local = start_broker(
      folder, "local",
      listener(address, k_local_port) + k_no_limits + "persistence true\npersistence_location " +
          (folder / "persistence").string() + "/\n" + run.autosave + "connection hub\naddress " + address + ":" +
          std::to_string(k_hub_port) + "\ntopic # out 1\ncleansession false\nnotifications false\ntry_private false\n" +
          "restart_timeout 1\n");
  // The bridge is there when something comes through it.
  const auto bridged = [&] {
    Client probe(address, k_local_port);
    probe.publish("{}");
    for (int turn = 0; turn < 20; ++turn) {
      probe.turn(milliseconds{5});
      subscriber.turn(milliseconds{5});
    }
    return subscriber.received() > 0;
  };
  if (!eventually(bridged)) throw std::runtime_error("the bridge does not work: " + local->err());
  // Whatever was sent to find that out.
  if (!eventually([&] {
        const auto before = subscriber.received();
        for (int turn = 0; turn < 20; ++turn) subscriber.turn(milliseconds{5});
        return subscriber.received() == before;
      })) {
    throw std::runtime_error("the bridge does not come to rest");
  }
  const std::uint64_t probes = subscriber.received();
  const std::uint64_t written_before = bytes_written_by(local->pid());

  BridgeFigures figures;
  std::atomic<std::uint64_t> number{0};
  std::vector<std::future<Durations>> publishers;
  const auto begin = Clock::now();
  for (unsigned i = 0; i < run.publishers; ++i) {
    publishers.push_back(std::async(std::launch::async, [&] { return publish(address, run, number, text); }));
  }
  const auto all_published = [&] {
    return std::all_of(publishers.begin(), publishers.end(), [](const std::future<Durations>& one) {
      return one.wait_for(milliseconds{0}) == std::future_status::ready;
    });
  };
  auto last_receipt = begin;
  while (since(begin) < run.publish_time + run.drain_limit && !(all_published() && figures.through >= number)) {
    subscriber.turn(milliseconds{20});
    if (const std::uint64_t through = subscriber.received() - probes; through != figures.through) {
      figures.through = through;
      last_receipt = Clock::now();
    }
  }
  for (auto& one : publishers) figures.publish.add(one.get());
  figures.published = figures.publish.size();
  figures.through_per_s = rate(figures.through, last_receipt - begin);
  figures.bytes_written = bytes_written_by(local->pid()) - written_before;
  return figures;
}

}  // namespace iotc_ha::bench
