#include "attempts.hpp"

#include <gmock/gmock.h>

namespace iotc_ha::provisioning {
namespace {

using core::AttemptId;
using Clock = std::chrono::steady_clock;

TEST_F(Provisioning, APreparedConnectionIsSilentAndUsedByTheNextQuestion) {
  DpsServer& dps = serve({assigning("op-1"), assigned("hub-a")});
  const auto begin = Clock::now();
  ASSERT_TRUE(prepare(dps));
  EXPECT_TRUE(dps.heard().empty());

  auto asked = registration(dps.port());
  asked.token = core::Secret("SharedAccessSignature newer");
  client_->register_device(AttemptId{1}, asked);
  const bool in_time = Clock::now() - begin < Client::k_prepared_max;
  const auto answer = next_answer();
  ASSERT_TRUE(answer && answer->assignment);
  EXPECT_EQ(answer->assignment->hub, "hub-a");
  EXPECT_EQ(told_, (Told{{AttemptId{1}, "sent"}}));
  ASSERT_EQ(dps.heard().size(), 2U);
  EXPECT_EQ(dps.heard()[0].headers.at("Authorization"), asked.token.reveal());
  if (in_time) {  // so it is but for a very slow machine
    EXPECT_EQ(dps.connections(), 1U);
  }
}

TEST_F(Provisioning, AQuestionDoesNotWaitUntilItsConnectionIsReady) {
  DpsServer& dps = serve({assigned("hub-a")});
  client_->prepare(registration(dps.port()));
  const auto result = ask(registration(dps.port()));
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(dps.heard().size(), 1U);
}

TEST_F(Provisioning, APreparedConnectionThatNobodyUsesIsClosedWithoutAWord) {
  DpsServer& dps = serve({assigned("hub-a")});
  ASSERT_TRUE(prepare(dps));
  EXPECT_TRUE(dps.wait_for_closed(1));
  EXPECT_TRUE(dps.heard().empty());
  const std::size_t before = dps.connections();
  EXPECT_TRUE(ask(registration(dps.port())));
  EXPECT_EQ(dps.connections(), before + 1);
}

TEST_F(Provisioning, AQuestionToAnotherServerDoesNotUseThePreparedConnection) {
  DpsServer& prepared = serve({assigned("hub-a")});
  DpsServer& other = serve({assigned("hub-b")});
  ASSERT_TRUE(prepare(prepared));
  const auto result = ask(registration(other.port()));
  ASSERT_TRUE(result) << result.error().what;
  EXPECT_EQ(result->hub, "hub-b");
  EXPECT_TRUE(prepared.wait_for_closed(1));
  EXPECT_TRUE(prepared.heard().empty());
}

TEST_F(Provisioning, AQuestionOfAnotherDeviceDoesNotGoOutAsTheOneThatWasPrepared) {
  DpsServer& dps = serve({assigned("hub-a")});
  client_->prepare(registration(dps.port()));
  auto other = registration(dps.port());
  other.registration_id = "dev-2";
  ASSERT_TRUE(ask(other));
  ASSERT_EQ(dps.heard().size(), 1U);
  EXPECT_THAT(dps.heard()[0].target, testing::HasSubstr("/dev-2/"));
}

TEST_F(Provisioning, APreparationThatHangsHoldsUpNoQuestionToAnotherServer) {
  const PlainListener silent(PlainListener::Manner::Silent);
  DpsServer& dps = serve({assigned("hub-a")});
  client_->prepare(registration(silent.port()));
  EXPECT_TRUE(ask(registration(dps.port())));
}

TEST_F(Provisioning, APreparationThatFailsIsNotToldAndTheNextQuestionTriesForItself) {
  std::uint16_t port = 0;
  { port = PlainListener(PlainListener::Manner::Silent).port(); }
  client_->prepare(registration(port));
  EXPECT_FALSE(next_answer(100ms));
  const auto result = ask(registration(port));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, core::Fault::Unreachable);
  EXPECT_THAT(told_, testing::IsEmpty());
}

TEST_F(Provisioning, ACancelledQuestionOnAPreparedConnectionHasNoAnswerAndMakesWay) {
  DpsServer& dps = serve({{200, "", {}, true}, assigned("hub-a")});
  client_->prepare(registration(dps.port()));
  client_->register_device(AttemptId{1}, registration(dps.port()));
  ASSERT_TRUE(dps.wait_for_requests(1));
  client_->cancel(AttemptId{1});
  client_->register_device(AttemptId{2}, registration(dps.port()));
  const auto answer = next_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->attempt, AttemptId{2});
  EXPECT_TRUE(answer->assignment);
}

TEST_F(Provisioning, NothingIsPreparedWhileAQuestionIsUnderWay) {
  DpsServer& dps = serve({{200, "", {}, true}});
  DpsServer& other = serve({assigned("hub-b")});
  client_->register_device(AttemptId{1}, registration(dps.port()));
  ASSERT_TRUE(dps.wait_for_requests(1));
  client_->prepare(registration(other.port()));
  client_->cancel(AttemptId{1});
  attempts_ = 1;
  ASSERT_TRUE(ask(registration(other.port())));
  EXPECT_EQ(other.connections(), 1U);
}

TEST_F(Provisioning, TheEndDoesNotWaitForAPreparedConnection) {
  const PlainListener silent(PlainListener::Manner::Silent);
  DpsServer& dps = serve({assigned("hub-a")});
  client_->prepare(registration(silent.port()));
  client_.reset();
  start_client();
  ASSERT_TRUE(prepare(dps));
  client_.reset();
  EXPECT_TRUE(dps.wait_for_closed(1));
  EXPECT_TRUE(dps.heard().empty());
}

}  // namespace
}  // namespace iotc_ha::provisioning
