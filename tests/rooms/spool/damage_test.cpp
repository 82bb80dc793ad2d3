#include "life.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
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
using testing::Not;

constexpr std::size_t k_page = 4096;
constexpr std::uint64_t k_messages = 2000;
constexpr std::uint64_t k_delivered = 300;
const spool::AssignmentKey k_key{"dps", "scope", "device"};
const core::Remembered k_hub{{"hub-a", "device"}, core::WallTime{std::chrono::hours{1}}, "initialAssignment"};

/// A spool of two lives with 1,700 messages queued, which is closed, and what to compare with.
class DamageTest : public testing::Test {
 protected:
  void make_spool() {
    for (const std::uint64_t count : {k_messages / 2, k_messages / 2}) {
      Life life(state_.path());
      life.fill(count, 200);
      if (life.accounts().size() == 2) {
        life.next(0, k_delivered);
        life.acknowledge(1, k_delivered);
        life.on_loop([](spool::Store& store) {
          store.remember(k_key, k_hub, [](const core::Result<void>& kept) { EXPECT_TRUE(kept); });
        });
        life.settle();
      }
      for (const core::Telemetry& one : life.all()) before_.insert_or_assign(one.sequence, one);
      accounts_ = life.accounts();
    }
    for (std::uint64_t number = 1; number <= k_delivered; ++number) before_.erase(number);
    ASSERT_EQ(before_.size(), k_messages - k_delivered);
    ASSERT_EQ(fs::exists(state_.file().string() + "-wal"), false) << "all of it is in one file";
  }

  void write_noise(std::size_t offset, std::size_t size, std::mt19937& chance) const {
    std::fstream file(state_.file(), std::ios::binary | std::ios::in | std::ios::out);
    std::string noise(size, '\0');
    for (char& byte : noise) byte = static_cast<char>(chance());
    file.seekp(static_cast<std::streamoff>(offset));
    file << noise;
  }

  /// What must hold of whatever was done to the file. Answers how many messages are still there.
  std::size_t expect_honest(Life& life) const {
    const auto messages = life.all();
    std::uint64_t last = 0;
    for (const core::Telemetry& one : messages) {
      EXPECT_GT(one.sequence, last);
      last = one.sequence;
      const auto was = before_.find(one.sequence);
      if (was == before_.end()) {
        EXPECT_LE(one.sequence, k_delivered) << "a message that never was";
      } else {
        EXPECT_EQ(one, was->second) << "message " << one.sequence << " is another";
      }
    }
    life.expect_adds_up();
    std::uint64_t accepted = 0;
    for (const core::Account& account : life.accounts()) accepted += account.accepted;
    const bool unknown = !life.notes().empty() && life.notes()[0].find("the number is unknown") != std::string::npos;
    if (!unknown) {
      EXPECT_EQ(accepted, k_messages);
    }
    std::uint64_t told = 0;
    for (const core::Dropped& dropped : life.dropped()) {
      EXPECT_EQ(dropped.reason, core::Loss::Damaged);
      EXPECT_LE(dropped.first, dropped.last);
      told += dropped.count;
    }
    std::uint64_t counted = 0;
    for (const core::Account& account : life.accounts()) counted += account.dropped_damaged;
    EXPECT_EQ(told, counted);
    const auto next = life.append("{}");
    EXPECT_TRUE(next) << next.error().what;
    EXPECT_GT(next->first, k_messages) << "no number is used twice";
    return messages.size();
  }

  StateDirectory state_;
  std::map<std::uint64_t, core::Telemetry> before_;
  std::vector<core::Account> accounts_;
};

TEST_F(DamageTest, AFileCutInHalfStartsWithTheMessagesOfThatHalf) {
  make_spool();
  fs::resize_file(state_.file(), fs::file_size(state_.file()) / 2 / k_page * k_page);
  Life life(state_.path());
  const std::size_t left = expect_honest(life);
  EXPECT_GT(left, before_.size() / 4);
  EXPECT_LT(left, before_.size());
  ASSERT_EQ(state_.quarantined().size(), 1U);
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], HasSubstr(state_.quarantined()[0].string()));
  EXPECT_THAT(life.notes()[0], HasSubstr(std::to_string(left) + " queued messages were recovered"));
  EXPECT_THAT(life.notes()[0], HasSubstr(std::to_string(before_.size() - left) + " are lost"));
}

TEST_F(DamageTest, AFileOfAnyLengthStarts) {
  make_spool();
  const fs::path whole = state_.path() / "whole";
  fs::copy_file(state_.file(), whole);
  const std::size_t pages = fs::file_size(whole) / k_page;
  for (std::size_t left = 0; left < pages; left += left < 12 ? 1 : pages / 9) {
    SCOPED_TRACE(std::to_string(left) + " of " + std::to_string(pages) + " pages left");
    fs::remove_all(state_.path() / "quarantine");
    fs::copy_file(whole, state_.file(), fs::copy_options::overwrite_existing);
    fs::resize_file(state_.file(), left * k_page);
    Life life(state_.path());
    expect_honest(life);
    EXPECT_EQ(life.notes().size(), 1U);
    EXPECT_EQ(state_.quarantined().size(), 1U);
  }
}

TEST_F(DamageTest, NoiseInOnePageCostsNoMoreThanThatPage) {
  make_spool();
  const fs::path whole = state_.path() / "whole";
  fs::copy_file(state_.file(), whole);
  const std::size_t pages = fs::file_size(whole) / k_page;
  std::mt19937 chance(7);
  std::size_t found = 0;
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    // Not the first, which tells where everything else is, nor the roots of the tables, which come next.
    const std::size_t page = 16 + chance() % (pages - 16);
    SCOPED_TRACE("page " + std::to_string(page));
    fs::copy_file(whole, state_.file(), fs::copy_options::overwrite_existing);
    write_noise(page * k_page, k_page, chance);
    Life life(state_.path());
    const std::size_t left = expect_honest(life);
    EXPECT_GE(left + 20, before_.size());
    found += life.notes().size();
  }
  EXPECT_GT(found, 30U);
}

TEST_F(DamageTest, NoiseInTheFirstPageCostsNoMessage) {
  make_spool();
  std::mt19937 chance(9);
  write_noise(0, k_page, chance);
  Life life(state_.path());
  EXPECT_EQ(expect_honest(life), before_.size());
  EXPECT_EQ(life.notes().size(), 1U);
  EXPECT_EQ(life.accounts()[0].delivered, k_delivered);
  EXPECT_THAT(life.dropped(), IsEmpty());
}

TEST_F(DamageTest, NoiseInManyPagesIsSurvivedAndAccountedFor) {
  make_spool();
  const fs::path whole = state_.path() / "whole";
  fs::copy_file(state_.file(), whole);
  const std::size_t size = fs::file_size(whole);
  for (unsigned seed = 0; seed < 30 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 chance(seed);
    fs::copy_file(whole, state_.file(), fs::copy_options::overwrite_existing);
    const std::size_t places = 1 + chance() % 12;
    for (std::size_t i = 0; i < places; ++i) write_noise(chance() % (size - 700), 1 + chance() % 700, chance);
    Life life(state_.path());
    expect_honest(life);
    // It goes on as any other.
    life.fill(100, 100);
    life.release();
    for (const core::Telemetry& one : life.all()) life.acknowledge(one.sequence, one.sequence);
    life.settle();
    EXPECT_EQ(life.figures().queued, 0U);
    life.expect_adds_up();
  }
}

TEST_F(DamageTest, WithoutAReadableAccountTheMessagesAreThereAndTheLossIsCalledUnknown) {
  make_spool();
  const std::int64_t root = state_.query("SELECT rootpage FROM sqlite_schema WHERE name = 'account'");
  std::mt19937 chance(1);
  write_noise(static_cast<std::size_t>(root - 1) * k_page, k_page, chance);
  Life life(state_.path());
  EXPECT_EQ(expect_honest(life), before_.size());
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], HasSubstr("the number is unknown"));
  EXPECT_GT(life.append("{}")->first, 1'000'000'000U) << "far above any number that may have been used";
}

TEST_F(DamageTest, AnAccountThatIsNotWhatWasWrittenIsNotBelieved) {
  make_spool();
  state_.run_sql("UPDATE account SET accepted = accepted + 1, delivered = delivered + 1");
  Life life(state_.path());
  EXPECT_EQ(expect_honest(life), before_.size());
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], HasSubstr("account"));
}

TEST_F(DamageTest, AMessageThatIsNotWhatWasWrittenIsNeverHandedOut) {
  make_spool();
  state_.run_sql("UPDATE message SET body = replace(body, ' ', 'x') WHERE sequence = 1234");
  Life life(state_.path());
  EXPECT_EQ(expect_honest(life), before_.size() - 1);
  EXPECT_THAT(life.dropped(), ElementsAre(core::Dropped{1234, 1234, 1, core::Loss::Damaged}));
  EXPECT_THAT(life.notes(), IsEmpty()) << "it is found when it is read";
  ASSERT_EQ(life.troubles().size(), 1U);
  EXPECT_THAT(life.troubles()[0], HasSubstr("message 1234 is not what was written"));
  EXPECT_EQ(life.accounts()[1].dropped_damaged, 1U);
}

std::optional<core::Remembered> remembered_by(Life& life) {
  std::optional<core::Remembered> hub;
  life.on_loop([&](spool::Store& store) { hub = store.remembered(k_key).value_or(std::nullopt); });
  return hub;
}

TEST_F(DamageTest, TheRememberedHubIsRecovered) {
  make_spool();
  fs::resize_file(state_.file(), fs::file_size(state_.file()) / 2);
  Life life(state_.path());
  EXPECT_EQ(remembered_by(life), k_hub);
}

TEST_F(DamageTest, TheRememberedHubIsRecoveredFromAFileOfAnOlderVersion) {
  make_spool();
  state_.run_sql(
      "ALTER TABLE assignment DROP COLUMN named_at; ALTER TABLE assignment DROP COLUMN why; PRAGMA user_version = 3");
  fs::resize_file(state_.file(), fs::file_size(state_.file()) / 2);
  Life life(state_.path());
  EXPECT_EQ(remembered_by(life), (core::Remembered{k_hub.assignment, {}, ""}));
}

TEST_F(DamageTest, WhatIsFoundWhileRunningIsMendedInPlace) {
  Life life(state_.path());
  life.fill(30'000, 300);
  const auto first = life.next(0, 100);
  ASSERT_EQ(first.size(), 100U);
  life.acknowledge(1, 50);
  life.settle();
  const std::size_t size = fs::file_size(state_.file());
  ASSERT_GT(size, 4U << 20U) << "more than SQLite has in memory";
  std::mt19937 chance(3);
  for (int i = 0; i < 5; ++i) write_noise(size / 4 + static_cast<std::size_t>(i) * 20 * k_page, 2 * k_page, chance);
  std::uint64_t last = 100;
  std::size_t found = 50;
  while (last < 30'000) {
    const auto messages = life.next(last, 1000);
    ASSERT_FALSE(messages.empty());
    for (const core::Telemetry& one : messages) {
      EXPECT_GT(one.sequence, last);
      last = one.sequence;
      ++found;
      EXPECT_EQ(one.message_id, first[0].message_id.substr(0, 9) + std::to_string(one.sequence));
    }
  }
  const core::Account account = life.account();
  EXPECT_EQ(account.accepted, 30'000U);
  EXPECT_EQ(account.delivered, 50U);
  EXPECT_EQ(account.queued, found);
  EXPECT_GT(account.dropped_damaged, 0U);
  EXPECT_LT(account.dropped_damaged, 500U);
  life.expect_adds_up();
  EXPECT_EQ(life.troubles().size(), 1U);
  EXPECT_EQ(state_.quarantined().size(), 1U);
  ASSERT_FALSE(life.dropped().empty());
  EXPECT_EQ(life.dropped()[0].count, account.dropped_damaged);
  const auto next = life.append("{}");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->first, 30'001U);
}

/// A log that has not been written into the database yet, as after a kill.
class LogTest : public DamageTest {
 protected:
  void make_log() {
    make_spool();
    Life life(state_.path());
    life.fill(100, 200, 10);
    life.settle();
    fs::copy(state_.file(), state_.path() / "db");
    fs::copy(state_.file().string() + "-wal", state_.path() / "wal");
  }
  void put_in_place() const {
    fs::copy(state_.path() / "db", state_.file(), fs::copy_options::overwrite_existing);
    fs::copy(state_.path() / "wal", log(), fs::copy_options::overwrite_existing);
  }
  [[nodiscard]] fs::path log() const { return state_.file().string() + "-wal"; }
};

TEST_F(LogTest, AWholeLogIsReadAndATornEndIsNoDamage) {
  make_log();
  put_in_place();
  { EXPECT_EQ(Life(state_.path()).figures().queued, before_.size() + 100); }
  put_in_place();
  fs::resize_file(log(), fs::file_size(log()) - 100);  // in the last commit, which was never confirmed then
  Life life(state_.path());
  EXPECT_EQ(life.figures().queued, before_.size() + 90);
  EXPECT_THAT(life.notes(), IsEmpty());
}

TEST_F(LogTest, NoiseInItIsToldAndNoNumberIsUsedTwice) {
  make_log();
  const std::size_t size = fs::file_size(state_.path() / "wal");
  std::mt19937 chance(11);
  for (int round = 0; round < 20; ++round) {
    put_in_place();
    // Before the last two commits: what is wrong with those could be a power cut's work.
    const std::size_t offset = round == 0 ? 8 : chance() % (size - 8 * (k_page + 24));
    SCOPED_TRACE("offset " + std::to_string(offset) + " of " + std::to_string(size));
    {
      std::fstream file(log(), std::ios::binary | std::ios::in | std::ios::out);
      file.seekp(static_cast<std::streamoff>(offset));
      file << "noise that was written over it";
    }
    Life life(state_.path());
    ASSERT_EQ(life.notes().size(), 1U);
    EXPECT_THAT(life.notes()[0], HasSubstr("its log"));
    EXPECT_THAT(life.notes()[0], HasSubstr("the number is unknown"));
    EXPECT_GE(life.figures().queued, before_.size());
    life.expect_adds_up();
    EXPECT_GT(life.append("{}")->first, k_messages + 100);
  }
}

TEST_F(DamageTest, AStartThatWasKilledWhileItSalvagedLosesNothing) {
  make_spool();
  // Killed before it was done: the half of a new database that nobody may take for one.
  std::ofstream(state_.path() / "iotc-ha.db.salvage") << "half";
  {
    Life life(state_.path());
    EXPECT_EQ(life.figures().queued, before_.size());
    EXPECT_THAT(life.notes(), IsEmpty());
  }
  // Killed when it was done, and the old file had been moved away.
  fs::rename(state_.file(), state_.path() / "iotc-ha.db.salvaged");
  {
    Life life(state_.path());
    EXPECT_EQ(life.figures().queued, before_.size());
  }
  // And before it was moved away.
  fs::rename(state_.file(), state_.path() / "iotc-ha.db.salvaged");
  std::ofstream(state_.file()) << "damaged";
  Life life(state_.path());
  EXPECT_EQ(expect_honest(life), before_.size());
  EXPECT_EQ(state_.quarantined().size(), 1U);
}

}  // namespace
}  // namespace iotc_ha::spool_test
