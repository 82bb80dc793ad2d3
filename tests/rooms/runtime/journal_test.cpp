#include <iotc_ha/core/secret.hpp>
#include <iotc_ha/runtime/journal.hpp>

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace iotc_ha::runtime {
namespace {

TEST(Journal, WritesHumanLinesToStderrOutsideSystemd) {
  ::testing::internal::CaptureStderr();
  {
    Journal journal("test");
    journal.set_target(Journal::Target::Console);
    journal.write(Severity::Warning, "Connected -> Reprovision: hub-a", {{"IOTC_STATE", "Reprovision"}});
  }
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("warning Connected -> Reprovision: hub-a\n"), std::string::npos) << line;
  EXPECT_EQ(line.find("IOTC_STATE"), std::string::npos) << line;
}

TEST(Journal, WritesNothingBelowItsLevel) {
  ::testing::internal::CaptureStderr();
  {
    Journal journal("test");
    journal.set_target(Journal::Target::Console);
    journal.set_level(Severity::Warning);
    journal.write(Severity::Info, "not this");
    journal.write(Severity::Error, "but this");
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("not this"), std::string::npos);
  EXPECT_NE(text.find("but this"), std::string::npos);
}

TEST(Journal, UnderstandsTheNamesOfSyslogAndOfTheConfiguration) {
  EXPECT_EQ(parse_severity("err"), Severity::Error);
  EXPECT_EQ(parse_severity("error"), Severity::Error);
  EXPECT_EQ(parse_severity("trace"), Severity::Debug);
  EXPECT_EQ(parse_severity("loud"), std::nullopt);
  for (const Severity severity : {Severity::Emergency, Severity::Warning, Severity::Debug}) {
    EXPECT_EQ(parse_severity(name_of(severity)), severity);
  }
}

// A secret does not become a line of the log by accident: it compiles only with reveal().
static_assert(!std::is_convertible_v<core::Secret, std::string_view>);
static_assert(!std::is_convertible_v<core::Secret, std::string>);

}  // namespace
}  // namespace iotc_ha::runtime
