#include "life.hpp"
#include "small_disk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace iotc_ha::spool_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StorageTest : public testing::Test {
 protected:
  StateDirectory state_;
};

/// A process that accepts messages as fast as it can, and tells each number that it was given through a pipe. It is
/// killed after some time; answers the numbers that had been told by then.
std::vector<std::uint64_t> accept_until_killed(const fs::path& state_dir, int milliseconds, bool acknowledge) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) throw std::runtime_error("pipe");
  const pid_t child = fork();
  if (child == 0) {
    ::close(pipe_ends[0]);
    runtime::Loop loop;
    auto store = spool::Store::open(state_dir, {}, loop, [](const core::Error&) {});
    if (!store) _exit(1);
    std::function<void()> append = [&] {
      (*store)->append(
          {message("{}"), message(std::string(500, ' '))}, [&](const core::Result<core::Sequences>& answer) {
            if (!answer) _exit(2);
            const std::string line = std::to_string(answer->first) + "\n" + std::to_string(answer->last) + "\n";
            if (write(pipe_ends[1], line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(3);
            if (acknowledge) (*store)->acknowledge(answer->first, "hub-a");
            append();
          });
    };
    for (int callers = 0; callers < 4; ++callers) append();
    _exit(loop.run());
  }
  ::close(pipe_ends[1]);
  std::string text;
  std::array<char, 65536> buffer{};
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{milliseconds};
  bool killed = false;
  for (ssize_t size = 1; size > 0;) {
    size = read(pipe_ends[0], buffer.data(), buffer.size());
    if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
    if (!killed && std::chrono::steady_clock::now() > end) killed = kill(child, SIGKILL) == 0;
  }
  ::close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself";
  std::vector<std::uint64_t> numbers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line = text.find('\n', at);
    if (line == std::string::npos) break;
    std::uint64_t number = 0;
    std::from_chars(text.data() + at, text.data() + line, number);
    numbers.push_back(number);
    at = line + 1;
  }
  return numbers;
}

TEST_F(StorageTest, EveryMessageWhoseAcceptanceWasToldIsThereAfterAKill) {
  std::mt19937 chance(5);
  std::uint64_t last = 0;
  std::size_t queued = 0;
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const auto told = accept_until_killed(state_.path(), 5 + static_cast<int>(chance() % 60), false);
    Life life(state_.path());
    EXPECT_THAT(life.notes(), IsEmpty());
    const auto there = numbers_of(life.all());
    for (const std::uint64_t number : told) {
      ASSERT_GT(number, last) << "used before";
      ASSERT_TRUE(std::binary_search(there.begin(), there.end(), number)) << "message " << number << " is lost";
    }
    EXPECT_GE(there.size(), queued + told.size());
    queued = there.size();
    last = there.empty() ? last : there.back();
    life.expect_adds_up();
  }
  EXPECT_GT(queued, 100U);
}

TEST_F(StorageTest, AKillBeforeAcknowledgementsAreOnDiskMakesThemComeAgainAndLosesNoOthers) {
  std::vector<std::uint64_t> told;
  for (int round = 0; round < 5; ++round) {
    for (const std::uint64_t number : accept_until_killed(state_.path(), 40, true)) told.push_back(number);
  }
  Life life(state_.path());
  const auto there = numbers_of(life.all());
  std::size_t again = 0;
  for (std::size_t i = 0; i < told.size(); i += 2) {
    again += std::binary_search(there.begin(), there.end(), told[i]) ? 1U : 0U;
    EXPECT_TRUE(std::binary_search(there.begin(), there.end(), told[i + 1])) << "message " << told[i + 1] << " is lost";
  }
  EXPECT_LT(again, told.size() / 4) << "they go with the next transaction";
  EXPECT_GT(life.figures().delivered, 0U);
  life.expect_adds_up();
}

TEST_F(StorageTest, WhatIsAcknowledgedAndNotYetOnDiskComesAgainUnderTheSameId) {
  core::Telemetry first;
  {
    Life life(state_.path());
    life.fill(2, 10);
    first = life.next(0)[0];
    life.acknowledge(1, 1);
    EXPECT_EQ(life.figures().queued, 1U);
  }  // ends without settle()
  Life life(state_.path());
  EXPECT_EQ(life.next(0)[0], first);
  EXPECT_EQ(life.figures().queued, 2U);
}

TEST_F(StorageTest, AFullDiskRefusesNewMessagesLosesNoneAndGoesOnWhenThereIsRoom) {
  SmallDisk::run(state_.path(), [](const fs::path& disk) {
    const fs::path ballast = disk.parent_path() / "disk" / "ballast";
    std::vector<core::Telemetry> before;
    {
      Life life(disk / "state");
      life.fill(100, 1000);
      ASSERT_EQ(life.next(0, 50).size(), 50U);
      SmallDisk::fill_up(ballast);
      std::uint64_t accepted = 100;
      core::Result<core::Sequences> answer;
      while ((answer = life.append(std::string(20'000, ' ')))) ++accepted;
      EXPECT_EQ(answer.error().fault, core::Fault::StorageFailed);
      EXPECT_THAT(answer.error().what, HasSubstr("disk is full"));
      EXPECT_FALSE(life.append(std::string(200'000, ' ')));
      ASSERT_EQ(life.troubles().size(), 1U) << "told once";
      EXPECT_EQ(life.figures().accepted, accepted);
      EXPECT_EQ(life.figures().queued, accepted);
      life.expect_adds_up();

      // What cannot be written is not forgotten, and not handed out again.
      life.acknowledge(1, 10);
      life.settle();
      EXPECT_EQ(life.figures().delivered, 10U);
      life.release();
      EXPECT_EQ(life.next(0, 1)[0].sequence, 11U);

      fs::remove(ballast);
      EXPECT_TRUE(life.wait_until([](spool::Store& store) { return store.empty_up_to(10); })) << "by itself";
      const auto next = life.append(std::string(20'000, ' '));
      ASSERT_TRUE(next) << next.error().what;
      EXPECT_EQ(next->first, accepted + 1);
      EXPECT_EQ(life.troubles().size(), 1U);
      life.expect_adds_up();
      life.release();
      before = life.all();
      EXPECT_EQ(before.size(), accepted + 1 - 10);
    }
    Life life(disk / "state");
    EXPECT_EQ(life.all(), before);
    life.expect_adds_up();
  });
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool k_sanitized = true;
#elif defined(__has_feature)
constexpr bool k_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool k_sanitized = false;
#endif

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t pages = 0;
  std::size_t resident = 0;
  status >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(StorageTest, MemoryDoesNotGrowWithTheQueue) {
  constexpr std::uint64_t k_count = 200'000;
  std::size_t before = 0;
  std::size_t after = 0;
  {
    Life life(state_.path());
    life.fill(2000, 200);
    before = resident_bytes();
    life.fill(k_count - 2000, 200);
    after = resident_bytes();
    EXPECT_EQ(life.figures().queued, k_count);
  }
  Life life(state_.path());
  std::uint64_t last = 0;
  while (last < k_count) {
    const auto messages = life.next(last, 500);
    ASSERT_FALSE(messages.empty());
    last = messages.back().sequence;
  }
  const std::size_t read = resident_bytes();
  std::cout << before / 1024 << " KiB with 2,000 queued, " << after / 1024 << " KiB with 200,000, " << read / 1024
            << " KiB when all of them were read again\n";
  if (k_sanitized) GTEST_SKIP() << "a sanitizer keeps memory that was freed";
  // The messages are 40 MB.
  EXPECT_LT(after, before + (16U << 20U));
  EXPECT_LT(read, before + (16U << 20U));
}

TEST_F(StorageTest, ADatabaseOfTheFirstVersionKeepsItsHubAndGetsAQueue) {
  std::ofstream(state_.file()).flush();
  state_.run_sql(
      "PRAGMA journal_mode = WAL;"
      "CREATE TABLE assignment (dps_host TEXT NOT NULL, id_scope TEXT NOT NULL, registration_id TEXT NOT NULL,"
      " hub TEXT NOT NULL, device_id TEXT NOT NULL, PRIMARY KEY (dps_host, id_scope, registration_id)) STRICT,"
      " WITHOUT ROWID;"
      "INSERT INTO assignment VALUES ('dps', 'scope', 'device', 'hub-a', 'Device');"
      "PRAGMA application_id = 0x494f5448; PRAGMA user_version = 1");
  {
    Life life(state_.path());
    EXPECT_THAT(life.notes(), IsEmpty());
    life.on_loop([](spool::Store& store) {
      const auto hub = store.remembered({"dps", "scope", "device"});
      ASSERT_TRUE(hub && *hub);
      EXPECT_EQ(**hub, (core::Remembered{{"hub-a", "Device"}, {}, ""}));
    });
    life.fill(3, 10);
    EXPECT_EQ(numbers_of(life.all()), range(1, 3));
    life.expect_adds_up();
  }
  EXPECT_EQ(state_.query("PRAGMA user_version"), 4);
  EXPECT_THAT(state_.quarantined(), IsEmpty());
}

TEST_F(StorageTest, ADatabaseOfTheSecondVersionKeepsItsMessagesAndGetsAnInbox) {
  std::vector<core::Telemetry> before;
  std::vector<core::Account> accounts;
  {
    Life life(state_.path());
    life.fill(500, 300);
    life.next(0, 10);
    life.acknowledge(1, 10);
    life.quarantine(11, "it closes sessions");
    life.settle();
    life.release();
    before = life.all();
    accounts = life.accounts();
  }
  // What the versions after it added, and nothing else.
  state_.run_sql(
      "DROP TABLE document; DROP TABLE command; DROP TABLE taken;"
      "ALTER TABLE assignment DROP COLUMN named_at; ALTER TABLE assignment DROP COLUMN why; PRAGMA user_version = 2");
  {
    Life life(state_.path());
    EXPECT_THAT(life.notes(), IsEmpty());
    EXPECT_EQ(life.all(), before);
    EXPECT_EQ(life.accounts()[0], accounts[0]);
    life.expect_adds_up();
    EXPECT_THAT(life.documents(), IsEmpty());
    EXPECT_THAT(life.commands(), IsEmpty());
    EXPECT_TRUE(life.keep("twin", "{}"));
    EXPECT_TRUE(life.take(command("m")));
  }
  EXPECT_EQ(state_.query("PRAGMA user_version"), 4);
  EXPECT_THAT(state_.quarantined(), IsEmpty());
  Life life(state_.path());
  EXPECT_EQ(life.documents().size(), 1U);
  EXPECT_EQ(life.commands().size(), 1U);
}

TEST_F(StorageTest, ADatabaseOfTheThirdVersionKeepsItsHubAndLearnsWhenItWasNamed) {
  const spool::AssignmentKey key{"dps", "scope", "device"};
  const core::Remembered named{{"hub-b", "Device"}, core::WallTime{std::chrono::microseconds{5}}, "initialAssignment"};
  const auto remembered = [&key](Life& life) {
    core::Remembered found;
    life.on_loop([&](spool::Store& store) {
      if (const auto hub = store.remembered(key); hub && *hub) found = **hub;
    });
    return found;
  };
  const auto remember = [&key](Life& life, const core::Remembered& hub) {
    life.on_loop([&](spool::Store& store) {
      store.remember(key, hub, [](const core::Result<void>& kept) { EXPECT_TRUE(kept); });
    });
    life.settle();
  };
  {
    Life life(state_.path());
    remember(life, {{"hub-a", "Device"}, named.named_at, named.why});
    EXPECT_TRUE(life.keep("twin", "{}"));
  }
  state_.run_sql(
      "ALTER TABLE assignment DROP COLUMN named_at; ALTER TABLE assignment DROP COLUMN why; PRAGMA user_version = 3");
  {
    Life life(state_.path());
    EXPECT_THAT(life.notes(), IsEmpty());
    EXPECT_EQ(remembered(life), (core::Remembered{{"hub-a", "Device"}, {}, ""}));
    EXPECT_EQ(life.documents().size(), 1U);
    remember(life, named);
  }
  EXPECT_EQ(state_.query("PRAGMA user_version"), 4);
  Life life(state_.path());
  EXPECT_EQ(remembered(life), named);
}

TEST_F(StorageTest, ASecondDaemonDoesNotGetTheSameSpool) {
  Life life(state_.path());
  life.fill(1, 10);
  try {
    Life other(state_.path());
    FAIL() << "two daemons would hand out the same messages";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("locked"));
  }
  life.fill(1, 10);
  EXPECT_THAT(state_.quarantined(), IsEmpty());
}

}  // namespace
}  // namespace iotc_ha::spool_test
