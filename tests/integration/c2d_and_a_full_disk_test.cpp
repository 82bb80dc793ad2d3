#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

class C2dAndAFullDisk : public Conversation {
 protected:
  static constexpr std::uint64_t k_disk_bytes = 16ULL << 20U;
  static inline const std::string k_storage_failed = k_error + "StorageFailed";

  /// Until nothing more can be written at all.
  void fill(const SmallDisk& disk) {
    disk.fill_but(0);
    const std::string text = "\"" + std::string(8192, 'x') + "\"";
    ASSERT_TRUE(eventually([&] {
      const auto sequence = caller().submit(text);
      return !sequence && sequence.error().name == k_storage_failed;
    }));
  }
};

TEST_F(C2dAndAFullDisk, ACommandCostsAFewSessionsAndIsCarriedOutAndTheDeviceIsThere) {
  const SmallDisk disk(daemon().state_dir(), k_disk_bytes);
  begin_conversation();
  const auto claimer = claimer_of_commands({"paint"});
  fill(disk);
  send_c2d("paint", R"("red")");
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().front().payload, R"("red")");
  ASSERT_EQ(name_of(claimer->complete(claimer->invoked().front().id, 200, "")), "well");
  ASSERT_TRUE(await_no_c2d_queued());
  ASSERT_TRUE(await_hub("hub-a"));
  EXPECT_TRUE(daemon().journal_says("is only in memory"));

  // From then on another one costs nothing, and when there is room it is on disk again.
  const auto reconnects = bus().agent().reconnect_count;
  send_c2d("paint", R"("blue")");
  ASSERT_TRUE(claimer->await_invoked(2));
  EXPECT_EQ(bus().agent().reconnect_count, reconnects);
  disk.make_room();
  ASSERT_TRUE(eventually([&] { return caller().submit("\"room\"").has_value(); }));
  send_c2d("paint", R"("green")");
  ASSERT_TRUE(claimer->await_invoked(3));
  EXPECT_LT(claimer->invoked().at(2).id, std::uint64_t{1} << 62U);
  EXPECT_EQ(claimer->invoked().size(), 3U);
  expect_clean_stop();
}

TEST_F(C2dAndAFullDisk, ACompletionThatCouldNotBeWrittenMayBeTriedAgain) {
  const SmallDisk disk(daemon().state_dir(), k_disk_bytes);
  begin_conversation();
  auto claimer = claimer_of_commands({"paint"});
  send_c2d("paint", R"("red")");
  ASSERT_TRUE(claimer->await_invoked(1));
  const std::uint64_t id = claimer->invoked().front().id;
  fill(disk);
  EXPECT_EQ(name_of(claimer->complete(id, 200, "")), k_storage_failed);
  disk.make_room();
  ASSERT_TRUE(eventually([&] { return claimer->complete(id, 200, "").has_value(); }));
  EXPECT_EQ(name_of(claimer->complete(id, 200, "")), k_error + "AlreadyCompleted");

  daemon().kill();
  restart_killed_daemon("hub-a");
  claimer = claimer_of_commands({"paint"});
  send_c2d("paint", R"("blue")");
  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().front().payload, R"("blue")") << "the first was completed";
  expect_clean_stop();
}

}  // namespace
}  // namespace iotc_ha::integration
