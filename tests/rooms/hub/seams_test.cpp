#include "paho_seams.hpp"
#include "room.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

/// What we do to Paho from below: that the Paho which is installed takes it and needs it, and that it bears several
/// connections at the same time.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using hub::paho_seams::Function;

class Seams : public HubRoom {
 protected:
  [[nodiscard]] hub::Endpoint endpoint_of(const std::string& device, std::uint16_t port) const {
    hub::Endpoint to = endpoint(port);
    to.assignment.device_id = device;
    return to;
  }
};

core::Telemetry telemetry(std::uint64_t sequence) {
  core::Telemetry message;
  message.sequence = sequence;
  message.body = "{}";
  return message;
}

TEST_F(Seams, PahoStillCallsEachFunctionThatIsTakenOver) {
  std::array<std::uint64_t, hub::paho_seams::k_functions> before{};
  for (std::size_t i = 0; i < before.size(); ++i) before[i] = hub::paho_seams::calls(static_cast<Function>(i));
  const Broker broker(folder.path(), {keys});
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  desk.run([](hub::Sessions& sessions) { sessions.close(AttemptId{1}, 1s); });
  ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon));
  // A handshake that goes well may never have to wait, so that nobody is asked why: this one does not go well.
  ScriptedPeer gone([](Dialogue& /*device*/) {});
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{2}, endpoint(gone.port())); });
  ASSERT_TRUE(desk.wait_for<hub::Lost>(k_soon));
  // Its receive thread sleeps and its worker closes the socket after that.
  const auto end = std::chrono::steady_clock::now() + k_soon;
  for (std::size_t i = 0; i < before.size(); ++i) {
    while (hub::paho_seams::calls(static_cast<Function>(i)) == before[i]) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "function " << i << " of paho_seams::Function";
      std::this_thread::yield();
    }
  }
}

struct Figures {
  std::vector<double> open_ms;
  std::vector<double> puback_ms;
};

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void print(const char* what, const std::vector<double>& times) {
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  std::cout << "  " << what << ": "
            << std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size())
            << " ms on average, " << *least << " to " << *most << '\n';
}

/// Without them, Paho waits for most of a second in each connect, whatever the machine can do; so the best of a few
/// tries is compared with the best, and a slow machine slows both.
TEST_F(Seams, WithoutThemPahoTakesSeveralTimesAsLongToConnect) {
  const Broker broker(folder.path(), {keys});
  Desk desk;
  std::uint64_t attempt = 0;
  std::minstd_rand random(1);
  std::array<double, 2> best{};
  for (const bool with : {true, false}) {
    hub::paho_seams::enable(with);
    Figures figures;
    for (int i = 0; i < (with ? 8 : 3); ++i) {
      ++attempt;
      // At any moment of the receive thread's second: a wait without an event to wait for.
      ASSERT_FALSE(desk.wait_for<hub::Lost>(std::chrono::milliseconds(random() % 500)));
      auto start = std::chrono::steady_clock::now();
      ASSERT_TRUE(opened(desk, AttemptId{attempt}, broker.port()));
      figures.open_ms.push_back(since(start));
      for (std::uint64_t j = 1; j <= 4; ++j) {
        start = std::chrono::steady_clock::now();
        desk.run([&](hub::Sessions& sessions) { sessions.send(AttemptId{attempt}, telemetry(j)); });
        ASSERT_TRUE(desk.wait_for<hub::TelemetryAcknowledged>(k_soon));
        figures.puback_ms.push_back(since(start));
      }
      desk.run([&](hub::Sessions& sessions) { sessions.close(AttemptId{attempt}, 5s); });
      ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon));
    }
    std::cout << (with ? "with the seams\n" : "without\n");
    print("open() to Opened (TCP, TLS, CONNECT)", figures.open_ms);
    print("send() to TelemetryAcknowledged", figures.puback_ms);
    best.at(with ? 0 : 1) = *std::min_element(figures.open_ms.begin(), figures.open_ms.end());
  }
  hub::paho_seams::enable(true);
  EXPECT_LT(2 * best[0], best[1]) << "a newer Paho may no longer need the seams";
}

TEST_F(Seams, SeveralConnectionsComeAboutAtTheSameTime) {
  constexpr std::size_t k_count = 6;
  const Broker broker(folder.path(), {keys});
  std::vector<std::unique_ptr<Desk>> desks;
  for (std::size_t i = 0; i < k_count; ++i) {
    desks.push_back(std::make_unique<Desk>());
    const hub::Endpoint to = endpoint_of("dev-" + std::to_string(i), broker.port());
    desks.back()->run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, to); });
  }
  for (const auto& desk : desks) ASSERT_TRUE(desk->wait_for<hub::Opened>(k_soon));
  for (const auto& desk : desks) {
    desk->run([](hub::Sessions& sessions) { sessions.send(AttemptId{1}, telemetry(1)); });
  }
  for (const auto& desk : desks) EXPECT_TRUE(desk->wait_for<hub::TelemetryAcknowledged>(k_soon));
  // What is closed is no business of the others.
  desks.resize(k_count / 2);
  for (const auto& desk : desks) {
    desk->run([](hub::Sessions& sessions) { sessions.send(AttemptId{1}, telemetry(2)); });
    EXPECT_TRUE(desk->wait_for<hub::TelemetryAcknowledged>(k_soon));
    EXPECT_TRUE(desk->left().empty());
  }
}

/// Listens, and drops the SYN of whoever comes, as a hub does that is gone without a word.
class Unreachable {
 public:
  Unreachable() : port_(free_port()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    inet_pton(AF_INET, own_address().c_str(), &address.sin_addr);
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    if (bind(fds_[0], where, sizeof address) != 0 || listen(fds_[0], 0) != 0) throw std::runtime_error("cannot listen");
    // Linux drops a SYN when the queue of those that nobody has accepted is full.
    for (std::size_t i = 1; i < fds_.size(); ++i) connect(fds_.at(i), where, sizeof address);
  }
  ~Unreachable() {
    for (const int fd : fds_) close(fd);
  }
  Unreachable(const Unreachable&) = delete;
  Unreachable& operator=(const Unreachable&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  static int new_socket() { return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }
  std::uint16_t port_;
  std::array<int, 5> fds_{new_socket(), new_socket(), new_socket(), new_socket(), new_socket()};
};

TEST_F(Seams, AConnectThatHangsHoldsNobodyElse) {
  const Unreachable gone;
  const Broker broker(folder.path(), {keys});
  Desk hanging;
  Desk desk;
  hanging.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, endpoint(gone.port())); });
  for (std::uint64_t i = 1; i <= 3; ++i) {
    const hub::Endpoint to = endpoint_of("dev-2", broker.port());
    desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{i}, to); });
    ASSERT_TRUE(desk.wait_for<hub::Opened>(k_soon)) << i;
    desk.run([&](hub::Sessions& sessions) { sessions.close(AttemptId{i}, 1s); });
    ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon)) << i;
  }
  EXPECT_TRUE(hanging.left().empty() || std::holds_alternative<hub::Lost>(hanging.left().front())) << "it hung";
  hanging.run([&](hub::Sessions& sessions) { sessions.close(AttemptId{1}, 1s); });
}

/// Each of them closes sockets whose numbers the next one could get.
TEST_F(Seams, QuickReconnectsDisturbNoConnectionBesideThem) {
  constexpr std::uint64_t k_rounds = 40;
  const Broker broker(folder.path(), {keys});
  Desk quick;
  Desk steady;
  ASSERT_TRUE(opened(steady, AttemptId{1}, broker.port()));
  const hub::Endpoint to = endpoint_of("dev-quick", broker.port());
  for (std::uint64_t i = 1; i <= k_rounds; ++i) {
    quick.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{i}, to); });
    if (i % 3 == 0) {
      const auto open =
          quick.wait_for<hub::Opened>(k_soon, [&](const auto& each) { return each.attempt == AttemptId{i}; });
      ASSERT_TRUE(open) << "round " << i;
    }
    steady.run([&](hub::Sessions& sessions) { sessions.send(AttemptId{1}, telemetry(i)); });
  }
  for (std::uint64_t i = 1; i <= k_rounds; ++i) ASSERT_TRUE(steady.wait_for<hub::TelemetryAcknowledged>(k_soon)) << i;
  EXPECT_TRUE(steady.left().empty());
  while (const auto lost = quick.wait_for<hub::Lost>(0ms)) {
    EXPECT_EQ(lost->error.fault, core::Fault::Cancelled) << lost->error.what;
  }
}

}  // namespace
}  // namespace iotc_ha::hub_test
