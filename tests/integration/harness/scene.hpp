#pragma once

#include "bus.hpp"
#include "caller.hpp"
#include "daemon.hpp"
#include "ground.hpp"
#include "lizard.hpp"
#include "load.hpp"
#include "wait.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::integration {

/// As iothub-creation-time-utc is written, so that texts compare like times.
[[nodiscard]] std::string iso8601_utc(std::int64_t time_us);

using States = std::vector<std::string>;

/// For the tests that show how long a failover takes: DPS has to be asked again after three seconds, as the real one.
inline const Command k_dps_takes_its_time{"--assigning-polls", "1", "--retry-after", "3"};

/// What every test here starts from: an empty folder, a piece of the loopback network, a private bus. The test brings
/// in the lizard and the daemon. When it fails (or IOTC_HA_SHOW is in the environment), what they had to say is
/// printed; when it ends, they are gone.
class Scene : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // ---- Actors
  /// `options`: of `iotc-ha-lizard run`. Without any about polls, DPS decides at once.
  void start_lizard(Command options = {});
  /// Writes the configuration that `iotc-ha-lizard config` gives, with a quick pace for the sample; starts nothing.
  /// `toml`: what this test wants otherwise.
  void configure(const std::string& toml = "");
  /// The same without the sample's telemetry and reported properties: what callers hand in is all that there is.
  void configure_for_callers(const std::string& toml = "");
  void start_daemon();
  void restart_bus();  ///< everybody on it is thrown off; the witness begins anew
  /// All of it, until the daemon is connected to hub-a and its first telemetry has arrived.
  void begin(const std::string& toml = "", const Command& lizard_options = {});
  /// The same for a test with callers, until the daemon is connected to hub-a and answers them.
  void begin_for_callers(const std::string& toml = "", const Command& lizard_options = {});
  /// The same with DPS down, so that what is accepted stays on disk until the test revives it; it is asked often.
  void begin_without_hub(const std::string& toml = "", const Command& lizard_options = {});
  [[nodiscard]] Lizard& lizard() { return *lizard_; }
  [[nodiscard]] Daemon& daemon() { return *daemon_; }
  [[nodiscard]] Bus& bus() { return *bus_; }
  /// A program on the bus, made when it is first asked for.
  [[nodiscard]] Caller& caller();

  // ---- Waiting
  /// Until State has this value, seen from outside.
  [[nodiscard]] bool await_state(const std::string& state, std::chrono::milliseconds patience = k_patience);
  /// Until a session with this hub is open, as hub and daemon say.
  [[nodiscard]] bool await_hub(const std::string& hub, std::chrono::milliseconds patience = k_patience);
  /// Until a condition on the properties of Agent1 holds.
  template <typename Condition>
  [[nodiscard]] bool await_agent(Condition condition, std::chrono::milliseconds patience = k_patience) {
    return eventually([&] { return bus().agent_is_there() && condition(bus().agent()); }, patience);
  }
  /// Until the journal of the present life says this.
  [[nodiscard]] bool await_journal(const std::string& text) {
    return eventually([&] { return daemon().journal_says(text); });
  }
  /// Until the bus has a daemon that answers about telemetry.
  [[nodiscard]] bool await_telemetry_service() {
    return eventually([&] { return caller().figures().has_value(); });
  }
  /// A property of Telemetry1. Throws std::runtime_error when there is no answer.
  [[nodiscard]] std::uint64_t figure(const std::string& name);
  /// Until hubs have acknowledged everything that was accepted, as the daemon says; tells what it says otherwise.
  [[nodiscard]] bool await_delivery(const std::vector<Accepted>& accepted,
                                    std::chrono::milliseconds patience = k_patience);
  /// Until hubs have received telemetry that was created after this call; all older telemetry goes before it.
  [[nodiscard]] bool await_fresh_telemetry();

  // ---- What must be true
  /// A place in the story: everything after it is what the next act brings.
  struct Mark {
    std::size_t state = 0;   ///< of Bus::states(); the state at the mark is the first
    std::size_t change = 0;  ///< of Bus::changes()
    std::int64_t time_us = 0;
  };
  [[nodiscard]] Mark mark();
  /// State took exactly these values, from the one at the mark on.
  void expect_states(const Mark& since, const States& expected);
  /// Likewise, where nobody can say how often a pair of states came: `head`, `loop` any number of times, `tail`.
  void expect_states(const Mark& since, const States& head, const States& loop, const States& tail);
  /// The journal has one line for each change, each beginning where the one before ended; D-Bus and GetHistory tell
  /// the same story.
  void expect_one_truth();
  /// Hubs have received every message from the first to the last, each with an id of its own; what came twice came with
  /// the same id and the same text. Waits until what was queued has been sent.
  void expect_no_telemetry_lost();
  /// From now on one message may come after one with a higher number, as a suspect comes after its witness.
  void allow_a_witness() { late_max_ = 1; }
  /// Everything that was accepted arrives; see Arrivals.
  void expect_arrived(const std::vector<Accepted>& accepted);
  /// `iotc-hactl audit` says so, and GetAccount, line by line.
  void expect_audit_adds_up();
  /// SIGTERM ends it within five seconds with status 0, and its account of telemetry agrees with the hubs'.
  void expect_clean_stop();
  /// All three.
  void expect_good_end();
  /// Prints the time from the mark until the session with another hub was open, and what the daemon says it was.
  void show_failover(const std::string& what, const Mark& since);

  static inline const std::string k_device = "failover-linux";

 private:
  std::size_t life_begins_ = 0;  ///< the first of Bus::states() that the present daemon can have sent
  std::size_t late_max_ = 0;

  std::unique_ptr<Folder> folder_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<Lizard> lizard_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<Caller> caller_;
};

}  // namespace iotc_ha::integration
