#include "peer.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace iotc_ha::cli {
namespace {

using bus::Service;
using bus::Shelf;
using testing::HasSubstr;
using Json = nlohmann::json;

class StatusTest : public PeerTest {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    served_->on_loop([](Service& service) { service.publish(bus::example_status()); });
    change([](Shelf& shelf) {
      shelf.figures = {3, 1'536, core::WallTime{std::chrono::seconds{1'700'000'000}}, 14, 5, 4, 2, 268'435'456, 9};
    });
  }
};

TEST_F(StatusTest, ASentenceForEachThingThatAnOperatorAsks) {
  const auto end = run({"status"});
  EXPECT_EQ(end.status, 0) << end.errors;
  for (const char* part : {
           "State         Connected since 2023-11-14 22:13:20, ",
           "              the hub answers\n",
           "Next attempt  2023-11-14 22:13:25, ",
           "Attempts      3\n",
           "Hub           hub-b.azure-devices.net\n",
           "Hub before    hub-a.azure-devices.net\n",
           "Device        failover-linux, dtmi:Sample:Failover;1\n",
           "Failovers     7, the last took 2.3 s; 5 reconnects\n",
           "DPS           9 registrations, 2 throttled\n",
           "Last error    ConnectionLost at 1970-01-01",
           "              hub-a closed the connection\n",
           "Queue         3 messages, 1.5 KiB of 256 MiB; the oldest of 2023-11-14 22:13:20, ",
           "Accepted      14: 5 delivered, 3 queued, 4 dropped, 2 quarantined\n",
           "Version       1.2.3\n",
       }) {
    EXPECT_THAT(end.output, HasSubstr(part));
  }
}

TEST_F(StatusTest, JsonHasEverythingThatTheDaemonTells) {
  const auto end = run({"status", "--json"});
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(Json::parse(end.output), Json::parse(R"({
      "state": "Connected", "state_reason": "the hub answers", "state_since": 1700000000000001,
      "current_hub": "hub-b.azure-devices.net", "previous_hub": "hub-a.azure-devices.net",
      "device_id": "failover-linux", "model_id": "dtmi:Sample:Failover;1", "version": "1.2.3",
      "next_attempt": 1700000005000000, "attempts": 3, "failover_count": 7, "reconnect_count": 5,
      "last_failover_duration": 2345000,
      "last_error": {"name": "ConnectionLost", "text": "hub-a closed the connection", "when": 42},
      "dps_registrations": 9, "dps_throttled": 2,
      "queued": 3, "queued_bytes": 1536, "oldest_queued": 1700000000000000, "accepted": 14, "delivered": 5,
      "dropped": 4, "quarantined": 2, "capacity": 268435456, "bytes_written": 9, "unacknowledged": []})"));
}

TEST_F(StatusTest, WhatIsNotThereIsNotMadeUp) {
  served_->on_loop([](Service& service) { service.publish({}); });
  change([](Shelf& shelf) { shelf.figures = {}; });
  const auto end = run({"status"});
  EXPECT_EQ(end.status, 0);
  EXPECT_THAT(end.output, HasSubstr("Hub           none\n"));
  EXPECT_THAT(end.output, HasSubstr("Device        not known yet, "));
  EXPECT_THAT(end.output, testing::Not(HasSubstr("Last error")));
  EXPECT_THAT(end.output, testing::Not(HasSubstr("Next attempt")));
  const Json json = Json::parse(run({"status", "--json"}).output);
  EXPECT_EQ(json["next_attempt"], nullptr);
  EXPECT_EQ(json["oldest_queued"], nullptr);
}

TEST_F(StatusTest, HistoryIsNewestFirstAndAtMostWhatWasAsked) {
  EXPECT_EQ(run({"history"}).output,
            "2023-11-14 22:13:22  twin read\n"
            "2023-11-14 22:13:21  hub-a: \uFFFD!\n");
  EXPECT_EQ(run({"history", "1"}).output, "2023-11-14 22:13:22  twin read\n");
  EXPECT_EQ(Json::parse(run({"history", "1", "--json"}).output), Json::parse(R"([{"when": 1700000002000000,
      "from": "Connecting", "to": "Connected", "cause": "twin read"}])"));
}

TEST_F(StatusTest, OrdersReachTheDaemonOnceEach) {
  const auto reconnected = run({"reconnect"});
  EXPECT_EQ(reconnected.status, 0) << reconnected.errors;
  EXPECT_EQ(run({"reprovision"}).status, 0);
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served_->reconnects, 1);
    EXPECT_EQ(served_->reprovisions, 1);
  });
}

}  // namespace
}  // namespace iotc_ha::cli
