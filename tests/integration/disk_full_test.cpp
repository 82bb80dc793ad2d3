#include "harness/arrivals.hpp"
#include "harness/scene.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::integration {
namespace {

constexpr std::uint64_t k_disk_bytes = 16ULL << 20U;
constexpr std::uint64_t k_free_bytes = 3ULL << 20U;
const std::string k_storage_failed = "io.github.iotc_ha.Error.StorageFailed";

class DiskFull : public Scene {
 protected:
  /// Hands in messages of 8 KiB until one is refused, which is answered.
  Refusal fill(Accepted& accepted) {
    constexpr int k_more_than_there_is_room_for = 4'000;
    for (int number = 1; number < k_more_than_there_is_room_for; ++number) {
      std::string text = "\"" + std::string(8192, 'x') + std::to_string(++last_) + "\"";
      const auto sequence = caller().submit(text);
      if (!sequence) return sequence.error();
      accepted.emplace(*sequence, std::move(text));
    }
    return {"none", "the disk was never full"};
  }
  void expect_texts(const Accepted& accepted) {
    const Arrivals arrivals(lizard().telemetry());
    EXPECT_EQ(arrivals.size(), accepted.size());
    for (const auto& [number, text] : accepted) {
      ASSERT_TRUE(arrivals.contains(number)) << "message " << number << " was accepted and has not arrived";
      EXPECT_EQ(arrivals.at(number).body, text);
    }
  }

 private:
  int last_ = 0;
};

TEST_F(DiskFull, TheRefusalHasANameNothingAcceptedIsLostAndItGoesOnWhenThereIsRoom) {
  const SmallDisk disk(daemon().state_dir(), k_disk_bytes);
  disk.fill_but(k_free_bytes);
  begin_without_hub();
  Accepted accepted;
  const Refusal refusal = fill(accepted);
  EXPECT_EQ(refusal.name, k_storage_failed) << refusal.text;
  EXPECT_GT(accepted.size(), 10U);
  EXPECT_TRUE(daemon().running());
  EXPECT_EQ(figure("Accepted"), accepted.size());
  EXPECT_EQ(figure("Queued"), accepted.size());

  disk.make_room();
  ASSERT_TRUE(eventually([&] {
    const auto sequence = caller().submit("\"room\"");
    if (sequence) accepted.emplace(*sequence, "\"room\"");
    return sequence.has_value();
  }));
  lizard().revive("dps");
  ASSERT_TRUE(await_delivery({accepted}));
  expect_texts(accepted);
  expect_audit_adds_up();
  expect_clean_stop();
}

TEST_F(DiskFull, WhatIsThereIsDeliveredThoughNothingCanBeWrittenAndTheAccountIsMadeUpLater) {
  const SmallDisk disk(daemon().state_dir(), k_disk_bytes);
  disk.fill_but(k_free_bytes);
  begin_without_hub();
  Accepted accepted;
  ASSERT_EQ(fill(accepted).name, k_storage_failed);

  lizard().revive("dps");
  ASSERT_TRUE(eventually([&] { return Arrivals(lizard().telemetry()).size() == accepted.size(); }));
  disk.make_room();
  ASSERT_TRUE(eventually([&] { return figure("Queued") == 0; }));
  expect_texts(accepted);
  expect_audit_adds_up();
  expect_clean_stop();
}

TEST_F(DiskFull, AStartThatFindsNoRoomAtAllDeliversWhatIsThereAndAcceptsWhenThereIs) {
  const SmallDisk disk(daemon().state_dir(), k_disk_bytes);
  disk.fill_but(k_free_bytes);
  begin_without_hub();
  Accepted accepted;
  ASSERT_EQ(fill(accepted).name, k_storage_failed);

  daemon().kill();
  disk.fill_but(0);
  lizard().revive("dps");
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  ASSERT_TRUE(eventually([&] { return Arrivals(lizard().telemetry()).size() == accepted.size(); }));
  disk.make_room();
  ASSERT_TRUE(eventually([&] {
    const auto sequence = caller().submit("\"room\"");
    if (sequence) accepted.emplace(*sequence, "\"room\"");
    return sequence.has_value();
  }));
  ASSERT_TRUE(await_delivery({accepted}));
  expect_texts(accepted);
  expect_audit_adds_up();
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
