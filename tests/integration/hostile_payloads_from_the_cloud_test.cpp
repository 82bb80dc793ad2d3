#include "harness/conversation.hpp"
#include "harness/hostile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::integration {
namespace {

const std::string k_bad_utf8 = "{\"target\":\"\xC3\x28\xFF\"}";
const std::string k_dollar_keys = R"({"$x":1,"$version":1,"$metadata":{"$lastUpdated":"x"}})";

class HostileCloud : public Conversation {
 protected:
  /// A file with these bytes, for an option of the lizard.
  std::string file_of(const std::string& bytes) {
    const auto file = daemon().state_dir().parent_path() / "payload";
    write_file(file, bytes);
    return file.string();
  }
  CommandAnswer call_with(const std::string& name, const std::string& bytes) {
    return lizard().call_with_file(k_device, name, file_of(bytes)).answer();
  }
  void expect_nothing_was_lost() {
    EXPECT_EQ(lizard().device(k_device).connections, 1U);
    EXPECT_EQ(lizard().command(k_device, "echo", R"("still here")").payload, R"("still here")");
    expect_clean_stop();
  }
};

TEST_F(HostileCloud, AsMethodIsAnsweredAndNeverTold) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"reboot"});
  auto payloads = texts_that_are_no_json();
  payloads.emplace_back("bad UTF-8", k_bad_utf8);
  payloads.emplace_back("zeros", std::string(100, '\0'));
  for (const auto& [what, payload] : payloads) {
    for (const char* name : {"reboot", "echo"}) {
      const CommandAnswer answer = call_with(name, payload);
      EXPECT_EQ(answer.status, 400) << name << " with " << what;
      EXPECT_THAT(answer.payload, testing::StartsWith(R"({"error":)"));
    }
    EXPECT_EQ(call_with("unknown", payload).status, 404) << what;
  }
  EXPECT_TRUE(claimer->invoked().empty());
  EXPECT_EQ(call_with("echo", k_dollar_keys).payload, R"({"$metadata":{"$lastUpdated":"x"},"$version":1,"$x":1})");
  expect_nothing_was_lost();
}

TEST_F(HostileCloud, AsC2dIsTakenOffTheQueueAndWhatFollowsIsDelivered) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"paint"});
  auto payloads = texts_that_are_no_json();
  payloads.emplace_back("bad UTF-8", k_bad_utf8);
  payloads.emplace_back("zeros", std::string(100, '\0'));
  payloads.emplace_back("keys with $", k_dollar_keys);
  payloads.emplace_back("nothing", "");
  for (const auto& [what, payload] : payloads) {
    lizard().act({"c2d", k_device, "--file", file_of(payload), "--method-name", "paint"});
    lizard().act({"c2d", k_device, "--file", file_of(payload)});
  }
  send_c2d("paint", R"("last")");

  ASSERT_TRUE(
      eventually([&] { return !claimer->invoked().empty() && claimer->invoked().back().payload == R"("last")"; }));
  ASSERT_TRUE(await_no_c2d_queued());
  EXPECT_EQ(claimer->invoked().at(0).payload, R"("open the door")") << "text that is no JSON comes as a JSON string";
  EXPECT_EQ(claimer->invoked().size(), payloads.size()) << "all but the bad UTF-8, and the last one";
  expect_nothing_was_lost();
}

TEST_F(HostileCloud, AsDesiredPatchChangesNothingAndWhatFollowsIsDelivered) {
  begin_conversation();
  const auto claimer = claimer_of_properties({"target"});
  auto payloads = texts_that_are_no_json();
  payloads.emplace_back("bad UTF-8", k_bad_utf8);
  payloads.emplace_back("an array", "[1,2]");
  payloads.emplace_back("no version", R"({"target":5})");
  payloads.emplace_back("a version that is no number", R"({"target":5,"$version":"2"})");
  payloads.emplace_back("a negative version", R"({"target":5,"$version":-2})");
  payloads.emplace_back("an old version", R"({"target":5,"$version":0})");
  payloads.emplace_back("a version far ahead", R"({"target":5,"$version":18446744073709551615})");
  payloads.emplace_back("keys with $", k_dollar_keys);
  for (const auto& [what, payload] : payloads) lizard().act({"desired", k_device, "--file", file_of(payload)});
  const std::uint64_t version = lizard().desired(k_device, R"({"target":21})");

  ASSERT_TRUE(eventually(
      [&] { return !claimer->desired_changes().empty() && claimer->desired_changes().back().version == version; }));
  for (const Desired& change : claimer->desired_changes()) EXPECT_EQ(change.json, R"({"target":21})");
  EXPECT_EQ(claimer->desired().value().json, R"({"target":21})");
  ASSERT_EQ(name_of(claimer->acknowledge("target", "21", 200, "", version)), "well");
  ASSERT_TRUE(await_reported("/target/av", std::to_string(version)));
  expect_nothing_was_lost();
}

TEST_F(HostileCloud, OfTenMegabytesIsSurvivedInEveryWay) {
  begin_conversation();
  const auto claimer = claimer_of_commands({"paint", "reboot"});
  const std::string huge = "\"" + std::string(k_ten_megabytes, 'x') + "\"";
  lizard().act({"c2d", k_device, "--file", file_of(huge), "--method-name", "paint"});
  lizard().act({"desired", k_device, "--file", file_of(R"({"target":)" + huge + R"(,"$version":2})")});
  const Outcome called = lizard().try_to({"command", k_device, "reboot", "--timeout", "1", "--file", file_of(huge)});
  EXPECT_NE(called.status, 0) << "no hub can ask so much, and so there is nobody to answer";
  send_c2d("paint", R"("last")");

  ASSERT_TRUE(claimer->await_invoked(1));
  EXPECT_EQ(claimer->invoked().at(0).payload, R"("last")");
  ASSERT_TRUE(await_no_c2d_queued());
  expect_nothing_was_lost();
}

}  // namespace
}  // namespace iotc_ha::integration
