#include "peer.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace iotc_ha::cli {
namespace {

using bus::Shelf;
using testing::HasSubstr;
using Json = nlohmann::json;

class AuditTest : public PeerTest {
 protected:
  void SetUp() override { setenv("TZ", "UTC", 1); }
};

core::Account life(std::uint64_t boot, std::uint64_t accepted) {
  core::Account life;
  life.boot = boot;
  life.started = core::WallTime{std::chrono::seconds{boot}};
  life.accepted = accepted;
  life.delivered = 10;
  life.queued = 20;
  life.dropped_full = 1;
  life.dropped_expired = 2;
  life.dropped_damaged = 3;
  life.quarantined = 4;
  life.replayed = 5;
  return life;
}

TEST_F(AuditTest, AnAccountThatAddsUpIsATableOfItsLivesWithTheirSumAndStatus0) {
  core::Account summed = life(1'700'000'000, 40);
  summed.lives = 12;
  change([&](Shelf& shelf) { shelf.accounts = std::vector{summed, life(1'700'100'000, 40)}; });
  const auto end = run({"audit"});
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_EQ(end.errors, "");
  EXPECT_EQ(end.output,
            "boot        started              lives  accepted  delivered  queued  full  expired  damaged  quarantined  "
            "adds up\n"
            "1700000000  2023-11-14 22:13:20     12        40         10      20     1        2        3            4  "
            "yes\n"
            "1700100000  2023-11-16 02:00:00      1        40         10      20     1        2        3            4  "
            "yes\n"
            "total                               13        80         20      40     2        4        6            8  "
            "yes\n");
}

TEST_F(AuditTest, ALifeThatDoesNotAddUpIsNamedAndIsStatus1ThoughTheSumIsRight) {
  change([&](Shelf& shelf) { shelf.accounts = std::vector{life(1'700'000'000, 41), life(1'700'100'000, 39)}; });
  const auto end = run({"audit"});
  EXPECT_EQ(end.status, 1);
  EXPECT_THAT(end.output, HasSubstr("NO: 1 missing\n"));
  EXPECT_THAT(end.output, HasSubstr("NO: 1 too many\n"));
  EXPECT_THAT(end.output, testing::EndsWith("  NO\n"));
  EXPECT_THAT(end.errors, HasSubstr("the account does not add up"));

  const auto json = run({"audit", "--json"});
  EXPECT_EQ(json.status, 1);
  EXPECT_EQ(Json::parse(json.output)["adds_up"], false);
  EXPECT_EQ(Json::parse(json.output)["lives"][0]["adds_up"], false);
}

TEST_F(AuditTest, JsonHasEveryNumberOfEveryLife) {
  change([&](Shelf& shelf) { shelf.accounts = std::vector{life(1'700'000'000, 40)}; });
  const auto end = run({"audit", "--json"});
  EXPECT_EQ(end.status, 0) << end.errors;
  const Json numbers = Json::parse(R"({"lives": 1, "accepted": 40, "delivered": 10, "queued": 20, "dropped_full": 1,
      "dropped_expired": 2, "dropped_damaged": 3, "quarantined": 4, "replayed": 5, "adds_up": true})");
  Json of_life = numbers;
  of_life["boot"] = 1'700'000'000;
  of_life["started"] = 1'700'000'000'000'000;
  EXPECT_EQ(Json::parse(end.output), (Json{{"lives", {of_life}}, {"total", numbers}, {"adds_up", true}}));
}

TEST_F(AuditTest, ADaemonThatCannotReadItsAccountIsNoAccountThatAddsUp) {
  change([&](Shelf& shelf) { shelf.accounts = core::fail(core::Fault::StorageFailed, "the disk cannot be read"); });
  const auto end = run({"audit"});
  EXPECT_NE(end.status, 0);
  EXPECT_THAT(end.errors, HasSubstr("the disk cannot be read"));
}

}  // namespace
}  // namespace iotc_ha::cli
