#include "peer.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sysexits.h>

#include <fstream>

namespace iotc_ha::cli {
namespace {

using bus::Desk;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::json;

class TwinTest : public PeerTest {
 protected:
  void desk(const std::function<void(Desk&)>& task) {
    served_->on_loop([&](bus::Service& /*service*/) { task(served_->desk); });
  }
  std::vector<std::string> patches() {
    std::vector<std::string> patches;
    desk([&](Desk& desk) { patches = desk.patches; });
    return patches;
  }
};

TEST_F(TwinTest, EachPropertyIsALineAndThoseThatWaitForAnAnswerSaySo) {
  desk([](Desk& desk) {
    desk.desired = {R"({"mode":"eco","thermostat":{"__t":"c","target":21.50}})", 7};
    desk.reported = R"({"serial":"A 1","thermostat":{"__t":"c","target":{"value":20,"ac":200,"av":6}}})";
    desk.unacknowledged = {"thermostat*target", "gone"};
  });
  const auto end = run({"twin"});
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(end.output,
            "Desired, version 7\n"
            "   mode               \"eco\"\n"
            "   thermostat*target  21.50  not acknowledged\n"
            "Not acknowledged\n"
            "   gone  deleted\n"
            "Reported\n"
            "   serial             \"A 1\"\n"
            "   thermostat*target  {\"value\":20,\"ac\":200,\"av\":6}\n");
}

TEST_F(TwinTest, AnEmptyTwinIsNotMadeUp) {
  EXPECT_EQ(run({"twin"}).output, "Desired, version 0: none\nReported: none\n");
}

TEST_F(TwinTest, JsonHasTheDocumentsAsTheyAre) {
  desk([](Desk& desk) {
    desk.desired = {R"({"mode":1.50})", 7};
    desk.reported = R"({"a":null})";
    desk.unacknowledged = {"mode", "a\"b"};
  });
  EXPECT_EQ(run({"twin", "--json"}).output,
            "{\"desired\":{\"mode\":1.50},\"version\":7,\"reported\":{\"a\":null},"
            "\"unacknowledged\":[\"mode\",\"a\\\"b\"]}\n");
}

TEST_F(TwinTest, StatusNamesWhatNobodyHasAcknowledged) {
  EXPECT_THAT(run({"status"}).output, Not(HasSubstr("Desired")));
  desk([](Desk& desk) { desk.unacknowledged = {"mode", "thermostat*target"}; });
  EXPECT_THAT(run({"status"}).output,
              HasSubstr("Desired       2 properties not acknowledged: mode, thermostat*target\n"));
  EXPECT_EQ(Json::parse(run({"status", "--json"}).output)["unacknowledged"], Json({"mode", "thermostat*target"}));
}

TEST_F(TwinTest, AReportComesFromTheArgumentTheInputOrAFile) {
  const auto end = run({"report", R"({"a": 1.10})"});
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(end.output, "on disk; a hub is told now, or when there is one\n");
  EXPECT_EQ(run({"report", "-"}, " {\"b\":\n2}\n").status, 0);
  EXPECT_EQ(run({"report"}, "{\"c\":3}").status, 0);
  const std::string file = testing::TempDir() + "/patch.json";
  std::ofstream(file) << "{\"d\":4}\n";
  const auto json = run({"report", "--file", file, "--json"});
  EXPECT_EQ(json.output, "{\"accepted\":true}\n");
  EXPECT_THAT(patches(), ElementsAre(R"({"a": 1.10})", "{\"b\":\n2}", R"({"c":3})", R"({"d":4})"));
}

TEST_F(TwinTest, AReportThatIsRefusedSaysWhyWithItsStatus) {
  desk([](Desk& desk) { desk.refusal = core::Error{core::Fault::InvalidPayload, "no JSON object", {}}; });
  const auto bad = run({"report", "[]", "--json"});
  EXPECT_EQ(bad.status, EX_DATAERR);
  EXPECT_EQ(bad.errors, "iotc-hactl: InvalidPayload: no JSON object\n");
  EXPECT_EQ(bad.output, "{\"error\":\"InvalidPayload\",\"text\":\"no JSON object\"}\n");
  desk([](Desk& desk) { desk.refusal = core::Error{core::Fault::StorageFailed, "the disk is full", {}}; });
  EXPECT_EQ(run({"report", "{}"}).status, EX_TEMPFAIL);
}

TEST_F(TwinTest, WhatCannotBeReportedIsNotHandedIn) {
  EXPECT_EQ(run({"report"}, " \n").errors, "iotc-hactl: nothing to report: standard input is empty\n");
  EXPECT_EQ(run({"report"}, " \n").status, EX_DATAERR);
  const auto missing = run({"report", "--file", "/no/such/file"});
  EXPECT_EQ(missing.status, EX_NOINPUT);
  EXPECT_EQ(missing.errors, "iotc-hactl: /no/such/file: No such file or directory\n");
  EXPECT_EQ(run({"report", "--file", "/proc/self/mem"}).status, EX_IOERR);
  EXPECT_EQ(run({"report", "{\"a\":\"\xff\"}"}).status, EX_DATAERR);
  EXPECT_EQ(run({"report"}, std::string(2'000'000, 'x')).status, EX_DATAERR);
  EXPECT_THAT(patches(), IsEmpty());
}

}  // namespace
}  // namespace iotc_ha::cli
