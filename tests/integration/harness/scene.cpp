#include "scene.hpp"

#include "arrivals.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <stdexcept>
#include <utility>

namespace iotc_ha::integration {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// `systemctl stop` gets five seconds, always.
constexpr seconds k_stop_limit{5};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string together(const States& states) {
  std::string text;
  for (const std::string& state : states) text += (text.empty() ? "" : ", ") + state;
  return text;
}

}  // namespace

std::string iso8601_utc(std::int64_t time_us) {
  const std::time_t whole = time_us / 1'000'000;
  std::tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string ms = std::to_string(1000 + time_us / 1000 % 1000).substr(1);
  return std::string{text.data()} + "." + ms + "Z";
}

void Scene::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: the virtual Azure listens on port 443, as the real one does";
  folder_ = std::make_unique<Folder>();
  network_ = std::make_unique<Network>();
  bus_ = std::make_unique<Bus>(folder_->path());
  daemon_ = std::make_unique<Daemon>(folder_->path(), bus_->address());
}

Caller& Scene::caller() {
  if (!caller_) caller_ = std::make_unique<Caller>(bus().address());
  return *caller_;
}

void Scene::TearDown() {
  if (!folder_) return;
  std::string told = daemon_->journal();
  // What the undefined-behaviour sanitizer finds is only written, where the daemon is built with it.
  EXPECT_EQ(told.find("runtime error: "), std::string::npos);
  if (lizard_) {
    // Whatever happened, no journal shows a secret.
    EXPECT_EQ(told.find(lizard_->status().group_key), std::string::npos) << "the group key is in the journal";
    EXPECT_EQ(told.find("SharedAccessSignature sr="), std::string::npos) << "a token is in the journal";
  }
  const bool wanted = std::getenv("IOTC_HA_SHOW") != nullptr;  // NOLINT(concurrency-mt-unsafe): there is one thread
  if (!HasFailure() && !wanted) return;
  std::cout << "---- The daemon's journal\n"
            << told << "---- The lizard\n"
            << (lizard_ ? lizard_->log() : "not started\n");
  std::cout << "---- States on the bus: " << together(bus_->states()) << '\n';
}

// ---- Actors

void Scene::start_lizard(Command options) {
  const std::string polls = "--assigning-polls";
  if (std::find(options.begin(), options.end(), polls) == options.end()) options.insert(options.end(), {polls, "0"});
  lizard_ = std::make_unique<Lizard>(folder_->path(), network_->address(), options);
}

void Scene::configure(const std::string& toml) {
  lizard().write_config(k_device, daemon().config_file());
  daemon().drop_in("10-pace",
                   "[sample]\ntelemetry_period = \"200ms\"\nreported_property_period = \"1s\"\n"
                   "[log]\nlevel = \"debug\"\n");
  daemon().drop_in("20-test", toml);
}

void Scene::configure_for_callers(const std::string& toml) {
  configure(toml);
  daemon().drop_in("30-callers", "[sample]\ntelemetry_send = false\nreported_property_send = false\n");
}

void Scene::start_daemon() {
  life_begins_ = bus().states().size();
  daemon().start();
}

void Scene::restart_bus() {
  caller_.reset();
  bus().stop();
  life_begins_ = 0;
  bus().start();
}

void Scene::begin(const std::string& toml, const Command& lizard_options) {
  start_lizard(lizard_options);
  configure(toml);
  start_daemon();
  // Thrown, so that a test does not go on without its beginning.
  if (!await_hub("hub-a") || !await_fresh_telemetry()) throw std::runtime_error("the daemon did not get to work");
}

void Scene::begin_for_callers(const std::string& toml, const Command& lizard_options) {
  start_lizard(lizard_options);
  configure_for_callers(toml);
  start_daemon();
  if (!await_hub("hub-a") || !await_telemetry_service()) throw std::runtime_error("the daemon did not get to work");
}

void Scene::begin_without_hub(const std::string& toml, const Command& lizard_options) {
  start_lizard(lizard_options);
  lizard().attack("dps", "kill");
  configure_for_callers(toml);
  daemon().drop_in("40-dps",
                   "[failover]\nbackoff_base = \"100ms\"\nbackoff_max = \"500ms\"\ndps_backoff_base = \"100ms\"\n"
                   "dps_backoff_max = \"500ms\"\n");
  start_daemon();
  if (!await_telemetry_service()) throw std::runtime_error("the daemon does not answer callers");
}

// ---- Waiting

bool Scene::await_state(const std::string& state, milliseconds patience) {
  return eventually(
      [&] {
        const auto states = bus().states();
        return !states.empty() && states.back() == state;
      },
      patience);
}

bool Scene::await_hub(const std::string& hub, milliseconds patience) {
  const std::string address = lizard().address_of(hub);
  return eventually(
      [&] {
        return bus().agent_is_there() && bus().agent().current_hub == address &&
               lizard().device(k_device).connected_to == hub && bus().states().back() == "Connected";
      },
      patience);
}

bool Scene::await_fresh_telemetry() {
  const std::string now = iso8601_utc(now_us());
  return eventually([&] {
    const auto& received = lizard().telemetry();
    return std::any_of(received.begin(), received.end(), [&](const Received& r) { return r.created > now; });
  });
}

// ---- What must be true

Scene::Mark Scene::mark() {
  const auto states = bus().states().size();
  return {states == 0 ? 0 : states - 1, bus().changes().size(), now_us()};
}

void Scene::expect_states(const Mark& since, const States& expected) {
  EXPECT_THAT(bus().states(since.state), testing::ElementsAreArray(expected));
}

void Scene::expect_states(const Mark& since, const States& head, const States& loop, const States& tail) {
  const States seen = bus().states(since.state);
  ASSERT_GE(seen.size(), head.size() + tail.size()) << together(seen);
  const auto loop_begin = seen.begin() + static_cast<std::ptrdiff_t>(head.size());
  const auto loop_end = seen.end() - static_cast<std::ptrdiff_t>(tail.size());
  EXPECT_TRUE(std::equal(seen.begin(), loop_begin, head.begin())) << together(seen);
  EXPECT_TRUE(std::equal(loop_end, seen.end(), tail.begin())) << together(seen);
  EXPECT_EQ(static_cast<std::size_t>(loop_end - loop_begin) % loop.size(), 0U) << together(seen);
  std::size_t place = 0;
  for (auto state = loop_begin; state != loop_end; ++state) {
    EXPECT_EQ(*state, loop[place++ % loop.size()]) << together(seen);
  }
}

void Scene::expect_one_truth() {
  const auto transitions = daemon().transitions();
  ASSERT_FALSE(transitions.empty());
  std::string state = "Start";
  for (const Transition& transition : transitions) {
    EXPECT_EQ(transition.from, state) << "the journal has no line for a change before this one: " << transition.from
                                      << " -> " << transition.to << ": " << transition.why;
    EXPECT_FALSE(transition.why.empty());
    state = transition.to;
  }
  EXPECT_EQ(bus().agent().state_reason, transitions.back().why);
  // The bus is joined a moment after the first state is entered, so its witness may miss the beginning.
  States by_journal = daemon().states();
  const States by_bus = bus().states(life_begins_);
  ASSERT_GE(by_journal.size(), by_bus.size());
  by_journal.erase(by_journal.begin(), by_journal.end() - static_cast<std::ptrdiff_t>(by_bus.size()));
  EXPECT_EQ(by_journal, by_bus);

  const auto history = bus().history();
  ASSERT_EQ(history.size(), transitions.size());
  for (std::size_t i = 0; i < history.size(); ++i) {
    const HistoryEntry& entry = history[history.size() - 1 - i];  // newest first
    EXPECT_EQ(entry.from, transitions[i].from);
    EXPECT_EQ(entry.to, transitions[i].to);
    EXPECT_NE(entry.cause.find(transitions[i].why), std::string::npos) << entry.cause;
    if (i > 0) {
      EXPECT_GE(entry.when, history[history.size() - i].when);
    }
  }
}

void Scene::expect_no_telemetry_lost() {
  ASSERT_TRUE(await_fresh_telemetry());
  Arrivals(lizard().telemetry(), late_max_).expect_no_gap();
}

void Scene::expect_arrived(const std::vector<Accepted>& accepted) {
  ASSERT_TRUE(await_delivery(accepted));
  Arrivals(lizard().telemetry(), late_max_).expect(accepted);
}

std::uint64_t Scene::figure(const std::string& name) {
  const Answer<Line> figures = caller().figures();
  if (!figures) throw std::runtime_error(figures.error().name + ": " + figures.error().text);
  return figures->at(name);
}

bool Scene::await_delivery(const std::vector<Accepted>& accepted, milliseconds patience) {
  std::uint64_t last = 0;
  for (const Accepted& of_caller : accepted) {
    if (!of_caller.empty()) last = std::max(last, of_caller.rbegin()->first);
  }
  const auto flushed = caller().flush(last, patience);
  if (!flushed) ADD_FAILURE() << "Flush(" << last << "): " << flushed.error().name << ": " << flushed.error().text;
  return flushed.has_value();
}

void Scene::expect_audit_adds_up() {
  const Outcome audit = run({IOTC_HA_HACTL_PROGRAM, "--bus", bus().address(), "audit"});
  EXPECT_EQ(audit.status, 0) << audit.out << audit.err;
  const auto lines = caller().accounts();
  ASSERT_TRUE(lines.has_value()) << lines.error().name << ": " << lines.error().text;
  ASSERT_FALSE(lines->empty());
  for (const Line& line : *lines) {
    EXPECT_EQ(line.at("accepted"), line.at("delivered") + line.at("queued") + line.at("dropped_full") +
                                       line.at("dropped_expired") + line.at("dropped_damaged") + line.at("quarantined"))
        << "of boot " << line.at("boot") << "\n"
        << audit.out;
  }
}

void Scene::expect_clean_stop() {
  daemon().ask_to_stop();
  const auto status = daemon().wait_for_end(k_stop_limit);
  ASSERT_TRUE(status.has_value()) << "still running after five seconds";
  EXPECT_EQ(*status, 0);
  EXPECT_TRUE(await_state("Stopping")) << "the last state was not told";
  const auto account = daemon().account();
  ASSERT_TRUE(account.has_value()) << "no account of the telemetry in the journal";
  EXPECT_EQ(account->dropped, 0U);
  EXPECT_EQ(account->accepted, account->delivered + account->quarantined + account->waiting);
  const Arrivals arrivals(lizard().telemetry(), late_max_);
  EXPECT_GE(arrivals.size(), account->delivered) << "the daemon says that more was delivered than hubs have";
  EXPECT_LE(arrivals.size(), account->accepted) << "hubs have more than the daemon says that it accepted";
}

void Scene::expect_good_end() {
  expect_one_truth();
  expect_no_telemetry_lost();
  expect_clean_stop();
}

void Scene::show_failover(const std::string& what, const Mark& since) {
  const auto changes = bus().changes();
  std::int64_t back_us = 0;
  for (std::size_t i = since.change; i < changes.size(); ++i) {
    if (changes[i].state == "Connected") back_us = changes[i].time_us;
  }
  ASSERT_NE(back_us, 0) << "the daemon did not come back";
  const auto outside_ms = (back_us - since.time_us) / 1000;
  const auto own_ms = static_cast<std::int64_t>(bus().agent().last_failover_duration / 1000);
  std::cout << "figure: " << what << ": " << outside_ms << " ms from the attack to the session on the other hub, "
            << own_ms << " ms of them after the daemon had noticed; resident " << daemon().resident_kib() << " KiB\n";
  RecordProperty("failover_ms", std::to_string(outside_ms));
  RecordProperty("failover_noticed_ms", std::to_string(own_ms));
  RecordProperty("resident_kib", std::to_string(daemon().resident_kib()));
}

}  // namespace iotc_ha::integration
