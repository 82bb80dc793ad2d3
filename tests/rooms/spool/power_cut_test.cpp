#include "forgetful_disk.hpp"

#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace iotc_ha::spool_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "iotc-ha-power-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// What was promised before the cut, and what may have happened without a promise.
struct Told {
  std::map<std::uint64_t, std::string> accepted;  ///< number and body of every message whose append() was answered
  std::set<std::uint64_t> acknowledged;           ///< told to the store, at whatever time
  std::map<std::uint64_t, std::string> taken;     ///< id and message id of every command whose take() was answered
  std::set<std::uint64_t> given_back;             ///< to complete(), at whatever time
  std::set<std::uint64_t> completed;              ///< complete() was answered
  std::uint64_t written = 0;                      ///< the last version of the document that was given to keep()
  std::uint64_t kept = 0;                         ///< the last of which keep() was answered
};

const std::string k_document = "desired";
std::string payload_of(const std::string& message_id) { return message_id + std::string(500, '\0'); }

/// A life of the daemon as the spool sees it: callers hand in messages in bursts, a hub takes them a little later, and
/// sends commands and versions of a document.
class Life {
 public:
  Life(runtime::Loop& loop, spool::Store& store, const ForgetfulDisk& disk, unsigned seed)
      : loop_(loop), store_(store), disk_(disk), chance_(seed) {}

  Told run() {
    read_on();
    burst();
    const auto deadline = loop_.make_timer([this] { loop_.exit(1); });
    deadline->arm(loop_.now() + 30s);
    EXPECT_EQ(loop_.run(), 0) << "the store does not answer";
    return std::move(told_);
  }

 private:
  static constexpr int k_bursts = 40;

  void burst() {
    if (++bursts_ > k_bursts) return loop_.exit(0);
    const int callers = number(1, 6);
    waiting_ = callers;
    for (int i = 0; i < callers; ++i) append(number(1, 4));
    if (number(0, 1) == 0) take();
    if (number(0, 1) == 0) keep();
  }

  void take() {
    core::DurableCommand command;
    command.message_id = "m-" + std::to_string(++commands_);
    command.payload = payload_of(command.message_id);
    store_.take(command, [this, message_id = command.message_id](const auto& answer) {
      ASSERT_TRUE(answer && *answer);
      const std::uint64_t id = **answer;
      if (!disk_.was_cut()) told_.taken[id] = message_id;
      if (number(0, 1) == 0) complete(id);
    });
  }

  void complete(std::uint64_t id) {
    told_.given_back.insert(id);
    store_.complete(id, [this, id](const core::Result<void>& answer) {
      ASSERT_TRUE(answer);
      if (!disk_.was_cut()) told_.completed.insert(id);
    });
  }

  void keep() {
    // The last version, if the cut comes first.
    const std::uint64_t version = ++versions_;
    if (!disk_.was_cut()) told_.written = version;
    store_.keep(k_document, std::to_string(version), [this, version](const core::Result<void>& answer) {
      ASSERT_TRUE(answer);
      if (!disk_.was_cut()) told_.kept = version;
    });
  }

  void append(int count) {
    std::vector<core::Submission> messages(static_cast<std::size_t>(count));
    std::vector<std::string> bodies;
    for (core::Submission& message : messages) {
      message.body =
          "\"" + std::to_string(++produced_) + std::string(static_cast<std::size_t>(number(0, 3000)), 'x') + "\"";
      message.created = loop_.wall_now();
      bodies.push_back(message.body);
    }
    store_.append(std::move(messages), [this, bodies = std::move(bodies)](const core::Result<core::Sequences>& taken) {
      ASSERT_TRUE(taken) << taken.error().what;
      ASSERT_EQ(taken->last - taken->first + 1, bodies.size());
      if (!disk_.was_cut()) {
        for (std::size_t i = 0; i < bodies.size(); ++i) told_.accepted[taken->first + i] = bodies[i];
      }
      if (--waiting_ == 0) burst();
    });
  }

  void read_on() {
    store_.next(after_, 10, 1 << 20, [this](const std::vector<core::Telemetry>& messages) {
      for (const core::Telemetry& message : messages) {
        after_ = message.sequence;
        if (number(0, 3) == 0) continue;  // stays in flight
        told_.acknowledged.insert(message.sequence);
        store_.acknowledge(message.sequence, "hub-a");
      }
      if (number(0, 3) == 0) store_.settle([] {});
      read_on();
    });
  }

  int number(int low, int high) { return std::uniform_int_distribution<int>{low, high}(chance_); }

  runtime::Loop& loop_;
  spool::Store& store_;
  const ForgetfulDisk& disk_;
  std::mt19937 chance_;
  Told told_;
  std::uint64_t after_ = 0;
  int bursts_ = 0;
  int waiting_ = 0;
  std::uint64_t produced_ = 0;
  std::uint64_t commands_ = 0;
  std::uint64_t versions_ = 0;
};

/// Everything that is there.
struct Found {
  std::vector<core::Telemetry> messages;
  std::vector<core::Account> accounts;
  std::map<std::string, std::string> documents;
  std::vector<core::DurableCommand> commands;
  std::size_t taken_again = 0;
};

/// `begun`: something was promised, so that the file must be a sound one. Before that it may be half a header.
Found read_everything(const fs::path& folder, const Told& told) {
  const bool begun = !told.accepted.empty() || !told.taken.empty() || told.kept > 0;
  Found found;
  runtime::Loop loop;
  auto store = spool::Store::open(folder, {}, loop, [&](const core::Error& error) {
    if (begun) ADD_FAILURE() << error.what;
  });
  if (!store) {
    ADD_FAILURE() << store.error().what;
    return found;
  }
  found.documents = (*store)->documents().value();
  found.commands = (*store)->commands().value();
  const auto deadline = loop.make_timer([&] { loop.exit(1); });
  deadline->arm(loop.now() + 30s);
  for (const auto& [id, message_id] : told.taken) {
    core::DurableCommand again;
    again.message_id = message_id;
    (*store)->take(again, [&](const auto& answer) { found.taken_again += answer && *answer ? 1U : 0U; });
  }
  (*store)->accounts([&](const core::Result<std::vector<core::Account>>& accounts) {
    ASSERT_TRUE(accounts) << accounts.error().what;
    found.accounts = *accounts;
    std::uint64_t queued = 0;
    for (const core::Account& life : *accounts) queued += life.queued;
    if (queued == 0) return loop.exit(0);
    (*store)->next(0, queued, 1 << 30, [&](std::vector<core::Telemetry> messages) {
      found.messages = std::move(messages);
      loop.exit(0);
    });
  });
  EXPECT_EQ(loop.run(), 0) << "the store does not answer";
  return found;
}

void expect_inbox_kept(const Told& told, const Found& found) {
  std::map<std::uint64_t, std::string> there;
  for (const core::DurableCommand& command : found.commands) {
    there[command.id] = command.message_id;
    EXPECT_EQ(command.payload, payload_of(command.message_id));
    EXPECT_FALSE(told.completed.contains(command.id)) << "command " << command.id << " comes back";
  }
  for (const auto& [id, message_id] : told.taken) {
    if (told.given_back.contains(id)) continue;
    ASSERT_TRUE(there.contains(id)) << "command " << id << " is lost";
    EXPECT_EQ(there[id], message_id);
  }
  EXPECT_EQ(found.taken_again, 0U) << "message ids are known";
  const auto document = found.documents.find(k_document);
  const std::uint64_t version = document == found.documents.end() ? 0 : std::stoull(document->second);
  EXPECT_GE(version, told.kept);
  EXPECT_LE(version, told.written);
}

void expect_promises_kept(const Told& told, const Found& found) {
  std::map<std::uint64_t, std::string> there;
  for (const core::Telemetry& message : found.messages) there[message.sequence] = message.body;
  for (const auto& [sequence, body] : told.accepted) {
    const auto one = there.find(sequence);
    if (one == there.end()) {
      EXPECT_TRUE(told.acknowledged.contains(sequence)) << "message " << sequence << " is lost";
    } else {
      EXPECT_EQ(one->second, body) << "message " << sequence;
    }
  }
  for (const core::Account& life : found.accounts) EXPECT_TRUE(life.adds_up()) << "boot " << life.boot;
  expect_inbox_kept(told, found);
}

/// How many operations a life of this seed has, roughly: threads may share commits otherwise the next time.
std::uint64_t operations_of_a_life(unsigned seed) {
  const Folder folder;
  const ForgetfulDisk disk;
  runtime::Loop loop;
  auto store = spool::Store::open(folder.path(), {}, loop, [](const core::Error&) {});
  if (!store) throw std::runtime_error(store.error().what);
  Life(loop, **store, disk, seed).run();
  return disk.operations();
}

TEST(PowerCut, AtAnyMomentLeavesWhatWasTold) {
  constexpr unsigned k_cuts = 150;
  std::mt19937 chance(20'261'123);
  const std::uint64_t operations = operations_of_a_life(0);
  std::size_t promised = 0;
  std::size_t commands = 0;
  std::size_t cuts = 0;
  for (unsigned seed = 0; seed < k_cuts && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Folder folder;
    const Folder after;
    Told told;
    {
      ForgetfulDisk disk;
      runtime::Loop loop;
      disk.cut_at(1 + chance() % operations, after.path(), seed);
      auto store = spool::Store::open(folder.path(), {}, loop, [](const core::Error&) {});
      ASSERT_TRUE(store) << store.error().what;
      told = Life(loop, **store, disk, seed).run();
      if (!disk.was_cut()) continue;
    }
    ++cuts;
    promised += told.accepted.size();
    commands += told.taken.size();
    expect_promises_kept(told, read_everything(after.path(), told));
  }
  std::cout << cuts << " power cuts, " << promised << " messages and " << commands
            << " commands promised before them\n";
  EXPECT_GT(cuts, k_cuts / 2);
}

}  // namespace
}  // namespace iotc_ha::spool_test
