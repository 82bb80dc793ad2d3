#include "room.hpp"

#include <malloc.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

/// What is left behind by many sessions.
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

}  // namespace
}  // namespace iotc_ha::hub_test
