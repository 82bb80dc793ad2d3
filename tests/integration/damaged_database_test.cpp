#include "harness/arrivals.hpp"
#include "harness/scene.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <string>

namespace iotc_ha::integration {
namespace {

constexpr std::size_t k_messages = 3'000;

/// Writes noise over a part of a file.
void write_noise(const std::filesystem::path& file, std::uint64_t from, std::uint64_t bytes) {
  std::minstd_rand chance(1);
  std::string noise(bytes, '\0');
  std::generate(noise.begin(), noise.end(), [&chance] { return static_cast<char>(chance()); });
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekp(static_cast<std::streamoff>(from));
  stream << noise;
  stream.close();
  if (!stream) throw std::runtime_error("cannot damage " + file.string());
}

/// DPS is down, so that everything stays on disk until the test revives it.
class DamagedDatabase : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    if (IsSkipped()) return;
    begin_without_hub();
    for (std::size_t begin = 0; begin < k_messages; begin += 100) {
      std::vector<std::string> texts;
      for (std::size_t i = begin; i < begin + 100; ++i) texts.push_back(text(i));
      const auto range = caller().submit_many(texts);
      ASSERT_TRUE(range.has_value()) << range.error().text;
      for (std::size_t i = 0; i < texts.size(); ++i) accepted_.emplace(range->first + i, texts[i]);
    }
  }

  static std::string text(std::size_t number) {
    return R"({"filling":")" + std::string(1000, 'x') + R"(","number":)" + std::to_string(number) + "}";
  }
  [[nodiscard]] std::filesystem::path database() { return daemon().state_dir() / "iotc-ha.db"; }
  [[nodiscard]] std::uint64_t size() { return std::filesystem::file_size(database()); }
  void stop() {
    daemon().ask_to_stop();
    ASSERT_EQ(daemon().wait_for_end(k_patience), 0);
  }
  /// The next life comes to work, and the damaged file is put aside.
  void expect_start() {
    start_daemon();
    ASSERT_TRUE(await_telemetry_service()) << "a damaged database stops the start";
    const auto quarantine = daemon().state_dir() / "quarantine";
    ASSERT_TRUE(std::filesystem::exists(quarantine));
    EXPECT_FALSE(std::filesystem::is_empty(quarantine));
    EXPECT_TRUE(daemon().journal_says("quarantine")) << "nobody is told";
  }
  [[nodiscard]] std::uint64_t sum_of(const std::string& name) {
    const auto lines = caller().accounts().value();
    return std::accumulate(lines.begin(), lines.end(), std::uint64_t{0},
                           [&](std::uint64_t sum, const Line& line) { return sum + line.at(name); });
  }
  /// What is left is delivered, under the texts that were accepted; a new message too; and the account adds up.
  void expect_the_rest_delivered() {
    lizard().revive("dps");
    ASSERT_TRUE(eventually([&] { return figure("Queued") == 0; }));
    const auto sequence = caller().submit(R"("after the damage")");
    ASSERT_TRUE(sequence.has_value()) << sequence.error().name << ": " << sequence.error().text;
    ASSERT_TRUE(caller().flush(*sequence, k_patience).has_value());
    const Arrivals arrivals(lizard().telemetry());
    ASSERT_TRUE(arrivals.contains(*sequence)) << "message " << *sequence << "\n" << daemon().journal();
    EXPECT_EQ(arrivals.at(*sequence).body, R"("after the damage")");
    for (const auto& [number, text] : accepted_) {
      if (arrivals.contains(number) && number != *sequence) {
        EXPECT_EQ(arrivals.at(number).body, text) << "message " << number;
      }
    }
    arrived_ = arrivals.size();
    expect_audit_adds_up();
    EXPECT_EQ(sum_of("delivered"), arrived_);
  }

  Accepted accepted_;
  std::size_t arrived_ = 0;
};

TEST_F(DamagedDatabase, WhereAPageIsTornTheRestIsDeliveredAndTheLossIsCounted) {
  stop();
  write_noise(database(), size() / 2 / 4096 * 4096, 2048);
  expect_start();
  expect_the_rest_delivered();
  EXPECT_GT(sum_of("dropped_damaged"), 0U);
  EXPECT_LT(sum_of("dropped_damaged"), k_messages / 10) << "a page holds three messages";
  EXPECT_EQ(sum_of("accepted"), k_messages + 1);
  EXPECT_FALSE(bus().drops().empty());
  for (const Drop& drop : bus().drops()) EXPECT_EQ(drop.reason, "damaged");
}

TEST_F(DamagedDatabase, WhereTheFileIsTruncatedWhatCanBeReadIsDelivered) {
  stop();
  std::filesystem::resize_file(database(), size() / 10 * 9);
  expect_start();
  expect_the_rest_delivered();
  EXPECT_GT(arrived_, k_messages / 2);
  EXPECT_LT(arrived_, k_messages);
  EXPECT_EQ(sum_of("accepted"), arrived_ + sum_of("dropped_damaged"));
}

TEST_F(DamagedDatabase, WhereMostOfTheFileIsGoneTheLossIsCounted) {
  stop();
  std::filesystem::resize_file(database(), size() / 10);
  expect_start();
  expect_the_rest_delivered();
  EXPECT_GT(sum_of("dropped_damaged"), k_messages / 2);
  EXPECT_EQ(sum_of("accepted"), k_messages + 1);
  EXPECT_EQ(sum_of("accepted"), arrived_ + sum_of("dropped_damaged"));
}

TEST_F(DamagedDatabase, WhereAllOfItIsNoiseTheDaemonBeginsAnew) {
  stop();
  write_noise(database(), 0, size());
  expect_start();
  expect_the_rest_delivered();
  EXPECT_EQ(arrived_, 1U);
}

TEST_F(DamagedDatabase, AfterAKillWithTheWriteAheadLogTornItStartsAndAddsUp) {
  daemon().kill();
  const auto log = std::filesystem::path(database().string() + "-wal");
  ASSERT_TRUE(std::filesystem::exists(log));
  const std::uint64_t bytes = std::filesystem::file_size(log);
  write_noise(log, bytes / 2, bytes / 4);
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  expect_the_rest_delivered();
}

TEST_F(DamagedDatabase, AfterAKillWithTheFileTornItStartsAndAddsUp) {
  daemon().kill();
  write_noise(database(), size() / 2, size() / 4);
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  expect_the_rest_delivered();
}

TEST_F(DamagedDatabase, DamageWhileItRunsIsNoticedAndTheDaemonGoesOn) {
  ASSERT_GT(size(), 1'000'000U) << "what is in the write-ahead log still is not damaged";
  write_noise(database(), size() / 2, size() / 4);
  expect_the_rest_delivered();
  EXPECT_TRUE(daemon().running());
  EXPECT_GT(sum_of("dropped_damaged"), 0U);
  // The next life finds nothing wrong any more.
  stop();
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  ASSERT_TRUE(caller().submit("1").has_value());
  expect_audit_adds_up();
}

}  // namespace
}  // namespace iotc_ha::integration
