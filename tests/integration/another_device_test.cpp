#include "harness/conversation.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

/// A disk that was copied to another device, or a device that got another id.
class AnotherDevice : public Conversation {
 protected:
  static inline const std::string k_other = "failover-other";

  void leave_something_behind() {
    begin_conversation();
    const auto reporter = claimer_of_properties({"target"});
    ASSERT_EQ(name_of(reporter->report(R"({"serial":"A-1"})")), "well");
    ASSERT_TRUE(await_reported("/serial", R"("A-1")"));
    lizard().desired(k_device, R"({"target":21})");
    ASSERT_TRUE(reporter->await_desired_changes(1));
    send_c2d("paint", R"("red")");
    ASSERT_TRUE(await_no_c2d_queued());
    daemon().drop_in("30-device", "[device]\nid = \"" + k_other + "\"\n");
  }
  /// What the new one is asked for and reports itself is all that there is.
  void expect_nothing_of_it() {
    ASSERT_TRUE(eventually([&] { return lizard().device(k_other).connected_to == "hub-a"; }));
    ASSERT_TRUE(await_agent([](const Agent& agent) { return agent.device_id == k_other; }));
    const auto claimer = claimer_of_commands({"paint"});
    EXPECT_TRUE(claimer->unacknowledged().value().empty());
    ASSERT_EQ(name_of(claimer->report(R"({"serial":"B-2"})")), "well");
    lizard().act({"c2d", k_other, R"("blue")", "--method-name", "paint"});
    ASSERT_TRUE(claimer->await_invoked(1));
    EXPECT_EQ(claimer->invoked().front().payload, R"("blue")");
    ASSERT_TRUE(eventually([&] { return lizard().twin(k_other, "/reported/serial") == R"("B-2")"; }));
    EXPECT_EQ(lizard().twin(k_other, "/reported/target"), "");
    EXPECT_EQ(claimer->reported().value(), R"({"serial":"B-2"})");
    expect_clean_stop();
  }
};

TEST_F(AnotherDevice, AfterAReloadHasNothingOfTheTwinAndTheCommandsOfTheOneBefore) {
  leave_something_behind();
  daemon().reload();
  expect_nothing_of_it();
}

TEST_F(AnotherDevice, OnACopiedDiskHasNothingOfTheTwinAndTheCommandsOfTheOneBefore) {
  leave_something_behind();
  daemon().kill();
  start_daemon();
  ASSERT_TRUE(await_telemetry_service());
  expect_nothing_of_it();
  EXPECT_TRUE(daemon().journal_says("are those of 0ne000LIZARD/failover-linux"));
}

}  // namespace
}  // namespace iotc_ha::integration
