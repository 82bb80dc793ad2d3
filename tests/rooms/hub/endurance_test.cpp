#include "paho_seams.hpp"
#include "room.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

/// What is left behind by many sessions, and how long one takes.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;

class Endurance : public HubRoom {};

// gcc says by macros what it builds with, clang by features.
#if defined(__has_feature)
#define IOTC_HA_BUILT_WITH(sanitizer) __has_feature(sanitizer)
#else
#define IOTC_HA_BUILT_WITH(sanitizer) 0
#endif

// The sanitizers keep what was freed for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || IOTC_HA_BUILT_WITH(address_sanitizer) || \
    IOTC_HA_BUILT_WITH(thread_sanitizer)
constexpr long k_growth_max = 256L << 20U;
#else
constexpr long k_growth_max = 1L << 20U;
#endif

std::size_t resident_bytes() {
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t entries(const char* folder) {
  const std::filesystem::directory_iterator all(folder);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}
std::size_t threads() { return entries("/proc/self/task"); }
std::size_t descriptors() { return entries("/proc/self/fd"); }

TEST_F(Endurance, TwoHundredSessionsLeaveNothingBehind) {
  constexpr std::uint64_t k_warm_up = 40;  // pools, caches and Paho's two threads come with the first ones
  constexpr std::uint64_t k_cycles = 200;
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  std::size_t bytes_before = 0;
  std::size_t threads_before = 0;
  std::size_t descriptors_before = 0;
  for (std::uint64_t i = 1; i <= k_warm_up + k_cycles; ++i) {
    ASSERT_TRUE(opened(desk, AttemptId{i}, broker.port())) << "cycle " << i;
    desk.run([&](hub::Sessions& sessions) {
      core::Telemetry message;
      message.sequence = i;
      message.body = "{}";
      sessions.send(AttemptId{i}, message);
      sessions.close(AttemptId{i}, 5s);
    });
    ASSERT_TRUE(desk.wait_for<hub::TelemetryAcknowledged>(k_soon)) << "cycle " << i;
    ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon)) << "cycle " << i;
    if (i != k_warm_up) continue;
    malloc_trim(0);
    bytes_before = resident_bytes();
    threads_before = threads();
    descriptors_before = descriptors();
  }
  // The last client is destroyed on the worker after Closed was told: an attempt that follows waits for that. That one
  // has a descriptor for as long as its client is there.
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1'000}, endpoint(free_port())); });
  ASSERT_TRUE(desk.wait_for<hub::Lost>(k_soon));
  for (const auto end = std::chrono::steady_clock::now() + k_soon; descriptors() > descriptors_before;) {
    if (std::chrono::steady_clock::now() > end) break;
    std::this_thread::yield();
  }
  malloc_trim(0);
  const auto growth = static_cast<long>(resident_bytes()) - static_cast<long>(bytes_before);
  std::cout << k_cycles << " sessions: resident " << bytes_before / 1024 << " KiB, grown by " << growth / 1024
            << " KiB; " << threads() << " threads, " << descriptors() << " descriptors\n";
  EXPECT_LT(growth, k_growth_max);
  EXPECT_LE(threads(), threads_before);
  EXPECT_LE(descriptors(), descriptors_before);
}

/// A proxy that accepts and says nothing makes Paho 1.3.12 wait for 10 s with the mutex of all its clients held. Ends
/// the process, as the daemon would, with 0 if everything went as it should.
[[noreturn]] void leave_a_hanging_paho(const hub::Endpoint& to) {
  Desk desk;
  const auto check = [](bool good, const char* what) {
    if (good) return;
    std::cerr << what << '\n';
    _exit(1);
  };
  const auto start = std::chrono::steady_clock::now();
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{1}, to); });
  const auto lost = desk.wait_for<hub::Lost>(k_soon);
  check(lost && lost->error.fault == core::Fault::TimedOut, "not timed out");
  check(std::chrono::steady_clock::now() - start < 3s, "not in time");
  bool stuck = false;
  while (!stuck && std::chrono::steady_clock::now() - start < 5s) {
    desk.run([&](hub::Sessions& sessions) { stuck = sessions.stuck_for().value_or(0us) > 500ms; });
  }
  check(stuck, "the worker does not hang, or does not say so");
  desk.run([&](hub::Sessions& sessions) {
    sessions.open(AttemptId{2}, to);  // goes on answering
    sessions.abandon();
  });
  check(desk.wait_for<hub::Lost>(k_soon).has_value(), "no answer from an abandoned worker");
  check(std::chrono::steady_clock::now() - start < 8s, "waited for Paho");
  _exit(0);
}

TEST_F(Endurance, TheProcessCanEndAlthoughPahoHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ScriptedPeer silent([](Dialogue& device) { device.wait_until_gone(); });
  hub::Endpoint to = endpoint(8883);
  to.timeout = 1s;
  to.proxy = "http://" + own_address() + ':' + std::to_string(silent.port());
  EXPECT_EXIT(leave_a_hanging_paho(to), testing::ExitedWithCode(0), "");
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

TEST_F(Endurance, TimesArePrintedWithAndWithoutTheSeams) {
  const Broker broker(folder.path(), {keys});
  const HubPlayer hub(broker);
  Desk desk;
  std::uint64_t attempt = 0;
  std::minstd_rand random(1);
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
        core::Telemetry message;
        message.sequence = j;
        message.body = "{}";
        start = std::chrono::steady_clock::now();
        desk.run([&](hub::Sessions& sessions) { sessions.send(AttemptId{attempt}, message); });
        ASSERT_TRUE(desk.wait_for<hub::TelemetryAcknowledged>(k_soon));
        figures.puback_ms.push_back(since(start));
      }
      desk.run([&](hub::Sessions& sessions) { sessions.close(AttemptId{attempt}, 5s); });
      ASSERT_TRUE(desk.wait_for<hub::Closed>(k_soon));
    }
    std::cout << (with ? "with the seams\n" : "without\n");
    print("open() to Opened (TCP, TLS, CONNECT, 4 SUBSCRIBE, twin)", figures.open_ms);
    print("send() to TelemetryAcknowledged", figures.puback_ms);
  }
  hub::paho_seams::enable(true);
}

}  // namespace
}  // namespace iotc_ha::hub_test
