#include "peer.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sysexits.h>

namespace iotc_ha::cli {
namespace {

using bus::Shelf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Json = nlohmann::json;

class SendTest : public PeerTest {};

std::string numbered_lines(int from, int to) {
  std::string lines;
  for (int i = from; i <= to; ++i) lines += std::to_string(i) + "\n";
  return lines;
}

TEST_F(SendTest, AnArgumentIsSentWithItsOptionsAndItsNumberPrinted) {
  const auto end = run({"send", R"({"temperature":21.5})", "--component", "thermostat", "--property", "zone=b",
                        "--property", "note=a=b", "--message-id", "mine-1", "--timestamp", "2023-11-14T22:13:20.5Z"});
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(end.output, "1\n");
  EXPECT_EQ(end.errors, "");
  const core::Submission expected{R"({"temperature":21.5})",
                                  "thermostat",
                                  {{"note", "a=b"}, {"zone", "b"}},
                                  "mine-1",
                                  core::WallTime{std::chrono::milliseconds{1'700'000'000'500}}};
  EXPECT_THAT(shelf([](const Shelf& shelf) { return shelf.messages; }), ElementsAre(expected));
}

TEST_F(SendTest, StandardInputIsOneDocumentThoughItHasManyLines) {
  const auto end = run({"send"}, "\n{\n  \"temperature\": 21.5\n}\n\n");
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_THAT(bodies(), ElementsAre("{\n  \"temperature\": 21.5\n}"));
}

TEST_F(SendTest, NumbersAreJsonWhenAskedFor) {
  EXPECT_EQ(Json::parse(run({"send", "--json", "{}"}).output), Json::parse(R"({"sequence": 1})"));
  const auto end = run({"send", "--lines", "--json"}, "{}\nnonsense\n{}\n");
  EXPECT_EQ(end.status, EX_DATAERR);
  std::istringstream lines(end.output);
  std::string line;
  std::vector<Json> told;
  while (std::getline(lines, line)) told.push_back(Json::parse(line));
  ASSERT_THAT(told, SizeIs(3)) << end.output;
  EXPECT_EQ(told[0], Json::parse(R"({"line": 1, "sequence": 2})"));
  EXPECT_EQ(told[1]["line"], 2);
  EXPECT_EQ(told[1]["error"], "InvalidPayload");
  EXPECT_EQ(told[2], Json::parse(R"({"line": 3, "sequence": 3})"));
}

TEST_F(SendTest, FastLinesKeepTheirOrderAndShareCallsOfAtMostAHundred) {
  const auto end = run({"send", "--lines"}, numbered_lines(1, 1'000));
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(end.output, numbered_lines(1, 1'000));
  std::string all;
  for (const std::string& body : bodies()) all += body + "\n";
  EXPECT_EQ(all, numbered_lines(1, 1'000));
  const auto calls = shelf([](const Shelf& shelf) { return shelf.calls; });
  EXPECT_THAT(calls, testing::Each(testing::Le(100U)));
  EXPECT_THAT(calls, testing::Contains(100U));
}

TEST_F(SendTest, ALineOfALivePipeIsSentAsSoonAsItIsWritten) {
  Program program(hactl({"send", "--lines"}));
  for (int i = 1; i <= 3; ++i) {
    program.write("{\"n\":" + std::to_string(i));
    program.write("}\n");
    EXPECT_EQ(program.line(), std::to_string(i)) << "before anything else is written";
  }
  program.write("4");
  const auto end = program.end();
  EXPECT_EQ(end.status, 0);
  EXPECT_EQ(end.output, "4\n") << "the last line has no end";
  EXPECT_THAT(bodies(), ElementsAre("{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "4"));
}

TEST_F(SendTest, ABadLineIsNamedWithItsReasonAndTheOthersAreSentAllTheSame) {
  const std::string input = "1\n\n{\"a\":\n  \t\r\n4\n\"\xff\"\n" + std::string("\"\0\"\n", 4) + "\"" +
                            std::string(300'000, 'x') + "\"\n\"" + std::string(3'000'000, 'y') + "\"\n9\r\n";
  const auto end = run({"send", "--lines"}, input);
  EXPECT_EQ(end.status, EX_DATAERR);
  EXPECT_EQ(end.output, "1\n2\n3\n");
  EXPECT_THAT(bodies(), ElementsAre("1", "4", "9\r"));
  EXPECT_THAT(end.errors, HasSubstr("iotc-hactl: line 3: InvalidPayload: "));
  EXPECT_THAT(end.errors, HasSubstr("line 6: InvalidPayload: not UTF-8"));
  EXPECT_THAT(end.errors, HasSubstr("line 7: InvalidPayload: not UTF-8, or with a NUL"));
  EXPECT_THAT(end.errors, HasSubstr("line 8: PayloadTooLarge: "));
  EXPECT_THAT(end.errors, HasSubstr("line 9: PayloadTooLarge: longer than 1 MiB"));
  EXPECT_EQ(std::count(end.errors.begin(), end.errors.end(), '\n'), 5) << end.errors;
}

TEST_F(SendTest, ABadDocumentIsRefusedWithTheReason) {
  const auto end = run({"send", "{\"a\":"});
  EXPECT_EQ(end.status, EX_DATAERR);
  EXPECT_EQ(end.output, "");
  EXPECT_THAT(end.errors, testing::StartsWith("iotc-hactl: InvalidPayload: "));
  EXPECT_EQ(run({"send"}, " \n").errors, "iotc-hactl: nothing to send: standard input is empty\n");
  EXPECT_THAT(run({"send"}, std::string(2'000'000, '1')).errors, HasSubstr("PayloadTooLarge: longer than 1 MiB"));
  EXPECT_THAT(bodies(), IsEmpty());
}

TEST_F(SendTest, AFailureInTheMiddleNamesTheFirstLineThatWasNotSent) {
  change([](Shelf& shelf) {
    shelf.refusal = core::Error{core::Fault::SpoolFull, "268435456 bytes are waiting", {}};
    shelf.refuse_from = 1;
  });
  Program program(hactl({"send", "--lines"}));
  program.write("1\n");
  ASSERT_EQ(program.line(), "1");
  program.write("2\n3\n");
  const auto end = program.end();
  EXPECT_EQ(end.status, EX_TEMPFAIL);
  EXPECT_EQ(end.errors, "iotc-hactl: SpoolFull: 268435456 bytes are waiting; nothing was sent from line 2 on\n");
  EXPECT_EQ(end.output, "");
  EXPECT_THAT(bodies(), ElementsAre("1"));
}

TEST_F(SendTest, ABusyDaemonIsAskedAgainUntilItTakesTheMessage) {
  change([](Shelf& shelf) { shelf.refusal = core::Error{core::Fault::Busy, "the disk is slow", {}}; });
  Program program(hactl({"send", "{}"}));
  ASSERT_TRUE(bus::eventually([&] { return shelf([](const Shelf& shelf) { return shelf.calls.size(); }) >= 2; }));
  change([](Shelf& shelf) { shelf.refusal.reset(); });
  EXPECT_EQ(program.line(), "1");
  EXPECT_EQ(program.end().status, 0);
}

TEST_F(SendTest, ADaemonThatGoesAwayLeavesNoDoubtAboutWhichLinesAreInDoubt) {
  change([](Shelf& shelf) { shelf.hold = true; });
  Program program(hactl({"send", "--lines"}));
  program.write("1\n2\n");
  ASSERT_TRUE(bus::eventually([&] { return shelf([](const Shelf& shelf) { return shelf.held.size(); }) == 1; }));
  served_.reset();
  program.write("3\n");
  const auto end = program.end();
  EXPECT_EQ(end.status, EX_UNAVAILABLE);
  EXPECT_EQ(end.output, "");
  EXPECT_THAT(end.errors,
              testing::MatchesRegex("iotc-hactl: lines? 1( to 2)?: no answer from the daemon: .*; these may be "
                                    "on their way or not, and nothing after them was sent\n"));
}

TEST_F(SendTest, WaitReturnsWhenAHubHasTheLastMessage) {
  Program program(hactl({"send", "--lines", "--wait=30"}));
  program.write("1\n2\n");
  program.close_input();
  ASSERT_TRUE(bus::eventually([&] { return shelf([](const Shelf& shelf) { return shelf.flushes.size(); }) == 1; }));
  change([](Shelf& shelf) {
    EXPECT_EQ(shelf.flushes[0].sequence, 2U);
    EXPECT_LE(shelf.flushes[0].timeout, std::chrono::seconds{30});
    EXPECT_GE(shelf.flushes[0].timeout, std::chrono::seconds{10});
    shelf.flushes[0].answer({});
  });
  const auto end = program.end();
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(end.output, "1\n2\n");
}

TEST_F(SendTest, WaitTellsThatTheMessageIsNotAtAHubInTimeOrNeverWillBe) {
  struct Case {
    core::Fault fault;
    int status;
    std::string text;
  };
  for (const Case& expected :
       {Case{core::Fault::TimedOut, EX_TEMPFAIL, "on disk, but not known to be at a hub: because"},
        Case{core::Fault::MessagesDropped, EXIT_FAILURE, ": because"}}) {
    Program program(hactl({"send", "{}", "--wait"}));
    ASSERT_TRUE(bus::eventually([&] { return shelf([](const Shelf& shelf) { return shelf.flushes.size(); }) == 1; }));
    change([&](Shelf& shelf) {
      shelf.flushes[0].answer(core::fail(expected.fault, "because"));
      shelf.flushes.clear();
    });
    const auto end = program.end();
    EXPECT_EQ(end.status, expected.status);
    EXPECT_THAT(end.errors, HasSubstr("message "));
    EXPECT_THAT(end.errors, HasSubstr(expected.text));
  }
}

TEST_F(SendTest, WaitGoesOnWithADaemonThatIsStartedAgain) {
  Program program(hactl({"send", "{}", "--wait"}));
  ASSERT_EQ(program.line(), "1");
  ASSERT_TRUE(bus::eventually([&] { return shelf([](const Shelf& shelf) { return shelf.flushes.size(); }) == 1; }));
  served_.reset();
  served_.emplace(bus_.address());
  ASSERT_TRUE(bus::eventually([&] { return shelf([](const Shelf& shelf) { return shelf.flushes.size(); }) == 1; }));
  change([](Shelf& shelf) { shelf.flushes[0].answer({}); });
  EXPECT_EQ(program.end().status, 0);
}

TEST_F(SendTest, OutputThatCannotBeWrittenIsAnError) {
  const auto end =
      Program({"sh", "-c", "\"$@\" >/dev/full", "sh", IOTC_HACTL, "--bus", bus_.address(), "send", "{}"}).end();
  EXPECT_EQ(end.status, EX_IOERR);
  EXPECT_EQ(end.errors, "iotc-hactl: standard output cannot be written\n");
}

}  // namespace
}  // namespace iotc_ha::cli
