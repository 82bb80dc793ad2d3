#include "attempts.hpp"

#include <gmock/gmock.h>

namespace iotc_ha::provisioning {
namespace {

using core::AttemptId;
using core::Fault;

/// A pause that no test waits for.
constexpr const char* k_long = "600";
const Says k_throttled{429, R"({"errorCode":429001,"message":"throttled"})", {{"Retry-After", k_long}}};

TEST_F(Provisioning, WhereItMayItPollsBeforeThePauseThatDpsSuggestsIsOver) {
  DpsServer& dps = serve({assigning("op-1", k_long), assigned("hub-a")});
  auto early = registration(dps.port());
  early.early_poll = true;
  const auto result = ask(early);
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(result->hub, "hub-a");
  EXPECT_EQ(dps.heard().size(), 2U);
}

TEST_F(Provisioning, AfterTheEarlyPollsThePauseThatDpsSuggestsCounts) {
  DpsServer& dps = serve({assigning("op-1", k_long)});
  auto early = registration(dps.port());
  early.early_poll = true;
  const auto result = ask(early);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::TimedOut);
  EXPECT_EQ(result.error().retry_after, 600s);
  EXPECT_THAT(dps.heard().size(), testing::AllOf(testing::Gt(1U), testing::Le(4U)));
}

TEST_F(Provisioning, AThrottledPollIsToldAndNoneIsEarlyAfterIt) {
  DpsServer& dps = serve({assigning("op-1", k_long), k_throttled, assigned("hub-a")});
  auto early = registration(dps.port());
  early.early_poll = true;
  const auto result = ask(early);
  ASSERT_FALSE(result) << "DPS had asked for a pause";
  EXPECT_EQ(result.error().fault, Fault::DpsThrottled);
  EXPECT_EQ(result.error().retry_after, 600s);
  EXPECT_EQ(dps.heard().size(), 2U);
  EXPECT_EQ(told_, (Told{{AttemptId{1}, "sent"}, {AttemptId{1}, "throttled"}}));
}

TEST_F(Provisioning, AThrottledRegisterIsNoThrottledPoll) {
  const auto error = error_of({k_throttled});
  EXPECT_EQ(error.fault, Fault::DpsThrottled);
  EXPECT_EQ(told_, (Told{{AttemptId{1}, "sent"}}));
}

}  // namespace
}  // namespace iotc_ha::provisioning
