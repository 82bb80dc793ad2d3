#include "harness/scene.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::integration {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::uint64_t k_ten_days = 864'000;  // at one a second
constexpr std::uint64_t k_piece = 1'000;
constexpr std::uint64_t k_growth_max_kib = 40UL * 1024;
constexpr seconds k_drain_patience{600};
constexpr seconds k_start_patience{10};

/// IOTC_HA_BACKLOG=N for another number than ten days of one a second.
std::uint64_t backlog() {
  const char* chosen = std::getenv("IOTC_HA_BACKLOG");  // NOLINT(concurrency-mt-unsafe): nobody changes it
  const std::uint64_t wanted = chosen != nullptr ? std::stoull(chosen) : k_ten_days;
  return std::max(wanted, 2 * k_piece) / k_piece * k_piece;
}

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

class TenDaysOfBacklog : public Scene {
 protected:
  /// Hands in messages a thousand at a time, several calls under way.
  void submit(std::uint64_t count) {
    constexpr std::size_t k_under_way = 4;
    for (std::uint64_t begin = 0; begin < count; begin += k_piece) {
      std::vector<std::string> texts;
      for (std::uint64_t i = 0; i < k_piece; ++i) {
        texts.push_back(R"({"temperature":21.5,"humidity":48,"second":)" + std::to_string(begin + i) + "}");
      }
      caller().submit_many_later(texts, [this](const Answer<Range>& range) {
        ASSERT_TRUE(range.has_value()) << range.error().name << ": " << range.error().text;
        accepted_ += range->last - range->first + 1;
      });
      ASSERT_TRUE(caller().await_answers(k_under_way - 1, k_patience));
    }
    ASSERT_TRUE(caller().await_answers(0, k_patience));
  }

  std::uint64_t accepted_ = 0;
};

TEST_F(TenDaysOfBacklog, MemoryStaysFlatTheStartIsQuickAndEachMessageArrivesWhileNewOnesCome) {
  const std::uint64_t count = backlog();
  begin_without_hub("[spool]\nmax_bytes = \"2GiB\"\n", {"--keep", "2000000"});

  submit(k_piece);
  const std::uint64_t few_kib = daemon().resident_kib();
  const auto filling = steady_clock::now();
  submit(count - k_piece);
  const double filled_s = seconds_since(filling);
  const std::uint64_t all_kib = daemon().resident_kib();
  std::cout << "figure: " << count << " messages queued, "
            << static_cast<std::uint64_t>(static_cast<double>(count - k_piece) / filled_s) << "/s; resident " << few_kib
            << " KiB with " << k_piece << ", " << all_kib << " KiB with all\n";
  EXPECT_EQ(accepted_, count);
  EXPECT_EQ(figure("Queued"), count);
  EXPECT_LT(all_kib, few_kib + k_growth_max_kib) << "memory grows with the queue";

  daemon().kill();
  const auto starting = steady_clock::now();
  start_daemon();
  Answer<std::uint64_t> first = tl::unexpected(Refusal{});
  ASSERT_TRUE(eventually([&] { return (first = caller().submit("\"first\"")).has_value(); }, k_start_patience));
  const auto started_ms = duration_cast<milliseconds>(steady_clock::now() - starting).count();
  EXPECT_GT(*first, count);

  // New messages come while the old ones go.
  const auto draining = steady_clock::now();
  lizard().revive("dps");
  std::uint64_t last = *first;
  std::uint64_t new_ones = 1;
  ASSERT_TRUE(eventually(
      [&] {
        const auto sequence = caller().submit("\"new\"");
        if (!sequence) return false;
        last = *sequence;
        ++new_ones;
        return lizard().telemetry_count() >= count;
      },
      k_drain_patience));
  const auto flushed = caller().flush(last, seconds{60});
  ASSERT_TRUE(flushed.has_value()) << flushed.error().text;
  const double drained_s = seconds_since(draining);
  const std::uint64_t total = count + new_ones;
  std::cout << "figure: first Submit answered " << started_ms << " ms after the start; drained at "
            << static_cast<std::uint64_t>(static_cast<double>(total) / drained_s) << "/s, " << new_ones
            << " came meanwhile; at most " << daemon().peak_resident_kib() << " KiB resident\n";
  EXPECT_LT(daemon().peak_resident_kib(), few_kib + k_growth_max_kib) << "memory grows with the queue";

  // "<spool>-<number>": each number from 1 to the last, once or again.
  std::vector<bool> arrived(last + 1);
  std::string spool;
  lizard().for_each_mid([&](std::string_view mid) {
    const auto dash = mid.find('-');
    if (spool.empty()) spool = mid.substr(0, dash);
    ASSERT_EQ(mid.substr(0, dash), spool) << mid;
    arrived.at(std::stoull(std::string(mid.substr(dash + 1)))) = true;
  });
  EXPECT_EQ(last, total);
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(arrived.begin(), arrived.end(), true)), total);
  std::cout << "figure: " << lizard().telemetry_count() - total << " repeats\n";
  expect_audit_adds_up();
  daemon().ask_to_stop();
  EXPECT_EQ(daemon().wait_for_end(k_patience), 0);
}

}  // namespace
}  // namespace iotc_ha::integration
