#include "life.hpp"
#include "salvage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>

/// What becomes of documents and C2D messages when the file is damaged.
namespace iotc_ha::spool_test {
namespace {

namespace fs = std::filesystem;
using Id = core::Result<std::optional<std::uint64_t>>;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::size_t k_page = 4096;
constexpr std::uint64_t k_taken = 300;
constexpr std::uint64_t k_completed = 100;

std::string message_id(std::uint64_t number) { return "m-" + std::to_string(number); }

/// A spool with messages, three documents, 200 commands that wait and 100 that do not, which is closed.
class InboxDamageTest : public testing::Test {
 protected:
  void make_spool() {
    {
      Life life(state_.path());
      life.fill(100, 200);
      for (const char* name : {"desired", "reported", "versions"}) {
        EXPECT_TRUE(life.keep(name, name + std::string(6'000, 'x')));
      }
      for (std::uint64_t number = 1; number <= k_taken; ++number) {
        EXPECT_EQ(life.take(command(message_id(number), std::to_string(number) + std::string(400, ' '))), Id(number));
      }
      for (std::uint64_t number = 1; number <= k_completed; ++number) EXPECT_TRUE(life.complete(number));
      documents_ = life.documents();
      for (const core::DurableCommand& one : life.commands()) commands_.insert_or_assign(one.id, one);
    }
    ASSERT_EQ(documents_.size(), 3U);
    ASSERT_EQ(commands_.size(), k_taken - k_completed);
  }
  [[nodiscard]] std::size_t root_of(const std::string& table) const {
    return static_cast<std::size_t>(state_.query("SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'") -
                                    1);
  }
  void write_noise(std::size_t offset, std::size_t size, unsigned seed) const {
    std::mt19937 chance(seed);
    std::string noise(size, '\0');
    for (char& byte : noise) byte = static_cast<char>(chance());
    std::fstream file(state_.file(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file << noise;
  }
  struct Left {
    std::size_t documents = 0;
    std::size_t commands = 0;
  };
  /// What must hold of whatever was done to the file.
  Left expect_honest(Life& life) const {
    const auto documents = life.documents();
    const auto commands = life.commands();
    for (const auto& [name, text] : documents) EXPECT_EQ(text, documents_.at(name));
    for (const core::DurableCommand& one : commands) {
      EXPECT_GT(one.id, k_completed) << "one that is done with";
      EXPECT_EQ(one, commands_.at(one.id));
      EXPECT_EQ(life.take(command(one.message_id)), Id()) << "one that waits is known";
    }
    const auto next = life.take(command("next"));
    EXPECT_TRUE(next);
    EXPECT_GT(next->value(), k_taken) << "no id is used twice";
    life.expect_adds_up();
    return {documents.size(), commands.size()};
  }
  [[nodiscard]] bool all_known(Life& life) const {
    for (std::uint64_t number = 1; number <= k_taken; ++number) {
      if (life.take(command(message_id(number))) != Id()) return false;
    }
    return true;
  }

  StateDirectory state_;
  std::map<std::string, std::string> documents_;
  std::map<std::uint64_t, core::DurableCommand> commands_;
};

TEST_F(InboxDamageTest, NoiseInTheFirstPageCostsNone) {
  make_spool();
  write_noise(0, k_page, 1);
  Life life(state_.path());
  const Left left = expect_honest(life);
  EXPECT_EQ(left.documents, documents_.size());
  EXPECT_EQ(left.commands, commands_.size());
  EXPECT_TRUE(all_known(life));
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], Not(HasSubstr("not all")));
  EXPECT_EQ(life.figures().queued, 100U);
}

TEST_F(InboxDamageTest, ACommandThatIsNotWhatWasWrittenIsLeftOutAndItsMessageIdStaysKnown) {
  make_spool();
  state_.run_sql("UPDATE command SET payload = x'31' WHERE id = 200");
  state_.run_sql("UPDATE command SET until = until + 1 WHERE id = 250");
  Life life(state_.path());
  const Left left = expect_honest(life);
  EXPECT_EQ(left.documents, documents_.size());
  EXPECT_EQ(left.commands, commands_.size() - 2);
  EXPECT_TRUE(all_known(life));
  ASSERT_EQ(life.troubles().size(), 1U) << "it is found when it is read";
  EXPECT_THAT(life.troubles()[0], HasSubstr("C2D message 200 is not what was written"));
  EXPECT_THAT(life.troubles()[0], HasSubstr("not all C2D messages could be read"));
}

TEST_F(InboxDamageTest, ADocumentThatIsNotWhatWasWrittenIsLeftOut) {
  make_spool();
  state_.run_sql("UPDATE document SET text = text || ' ' WHERE name = 'reported'");
  Life life(state_.path());
  const Left left = expect_honest(life);
  EXPECT_EQ(left.documents, documents_.size() - 1);
  EXPECT_FALSE(life.documents().contains("reported"));
  EXPECT_EQ(left.commands, commands_.size());
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], HasSubstr("not all documents could be read"));
}

TEST_F(InboxDamageTest, WhatIsFoundWhileRunningCostsNoDocument) {
  make_spool();
  const std::size_t root = root_of("document");
  {
    Life life(state_.path());
    documents_["desired"] = "the newest";
    documents_.erase("versions");
    EXPECT_TRUE(life.keep("desired", "the newest"));
    EXPECT_TRUE(life.keep("versions", ""));
    life.fill(12'000, 1'000);
    const std::size_t size = fs::file_size(state_.file());
    ASSERT_GT(size, 4U << 20U) << "more than SQLite has in memory";
    write_noise(root * k_page, k_page, 4);
    write_noise(size / 2 / k_page * k_page, 4 * k_page, 5);
    EXPECT_LT(life.all().size(), 12'100U);
    ASSERT_EQ(life.troubles().size(), 1U);
    EXPECT_THAT(life.troubles()[0], Not(HasSubstr("not all")));
    EXPECT_EQ(life.documents(), documents_);
  }
  Life life(state_.path());
  EXPECT_THAT(life.notes(), IsEmpty());
  EXPECT_EQ(expect_honest(life).documents, documents_.size());
}

TEST_F(InboxDamageTest, ALongQueueOnASlowDiskCostsNone) {
  make_spool();
  { Life(state_.path()).fill(1'000, 10); }
  const fs::path mended = state_.path() / "mended";
  fs::create_directory(mended);
  std::chrono::steady_clock::time_point time;
  const auto salvaged = spool::salvage(state_.file(), mended / "iotc-ha.db", std::nullopt, false, {}, [&time] {
    return time += std::chrono::milliseconds{40};  // for each row
  });
  ASSERT_TRUE(salvaged) << salvaged.error().what;
  EXPECT_THAT(salvaged->stopped_by, HasSubstr("longer than 30 s"));
  EXPECT_GT(salvaged->recovered, 0U);
  EXPECT_LT(salvaged->recovered, 1'100U);
  EXPECT_EQ(salvaged->also_lost, "");
  Life life(mended);
  const Left left = expect_honest(life);
  EXPECT_EQ(left.documents, documents_.size());
  EXPECT_EQ(left.commands, commands_.size());
  EXPECT_TRUE(all_known(life));
}

TEST_F(InboxDamageTest, WithoutTheIdsThoseThatWaitAreKnownAndNoIdIsUsedTwice) {
  make_spool();
  write_noise(root_of("taken") * k_page, k_page, 2);
  Life life(state_.path());
  const Left left = expect_honest(life);
  EXPECT_EQ(left.documents, documents_.size());
  EXPECT_EQ(left.commands, commands_.size());
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], HasSubstr("not all ids of C2D messages could be read"));
  EXPECT_GT(life.take(command("another"))->value(), 1'000'000'000U) << "far above any that may have been used";
}

TEST_F(InboxDamageTest, NoiseInAnyPageCostsNoMoreThanThatPageAndIsTold) {
  make_spool();
  const fs::path whole = state_.path() / "whole";
  fs::copy_file(state_.file(), whole);
  const std::size_t pages = fs::file_size(whole) / k_page;
  const auto is_root = [&](std::size_t page) {
    return page == 0 || page == root_of("document") || page == root_of("command") || page == root_of("taken");
  };
  std::size_t told = 0;
  for (std::size_t page = 1; page < pages && !HasFailure(); ++page) {
    fs::copy_file(whole, state_.file(), fs::copy_options::overwrite_existing);
    if (is_root(page)) continue;
    SCOPED_TRACE("page " + std::to_string(page) + " of " + std::to_string(pages));
    write_noise(page * k_page, k_page, static_cast<unsigned>(page));
    Life life(state_.path());
    const Left left = expect_honest(life);
    EXPECT_GE(left.documents + 2, documents_.size()) << "two have room in one";
    EXPECT_GE(left.commands + 10, commands_.size());
    const std::string notes = life.notes().empty() ? std::string() : life.notes()[0];
    if (left.documents < documents_.size()) {
      EXPECT_THAT(notes, HasSubstr("documents"));
    }
    if (left.commands < commands_.size()) {
      EXPECT_THAT(notes, HasSubstr("C2D messages"));
      ++told;
    }
  }
  EXPECT_GT(told, 10U);
}

TEST_F(InboxDamageTest, NoiseInTheFirstPageOfADatabaseThatBeganAsTheSecondVersionCostsNoMessage) {
  make_spool();
  // So that the tables of the third version lie behind the messages.
  state_.run_sql(
      "DROP TABLE document; DROP TABLE command; DROP TABLE taken; ALTER TABLE assignment DROP COLUMN named_at; ALTER "
      "TABLE assignment DROP COLUMN why; PRAGMA user_version = 2; VACUUM");
  {
    Life life(state_.path());
    EXPECT_TRUE(life.keep("desired", "{}"));
    EXPECT_EQ(life.take(command("m-1")), Id(1));
  }
  write_noise(0, k_page, 3);
  Life life(state_.path());
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], HasSubstr("100 queued messages were recovered, 0 are lost"));
  EXPECT_THAT(life.notes()[0], HasSubstr("not all documents, C2D messages and ids of C2D messages could be read"));
  EXPECT_THAT(life.documents(), IsEmpty()) << "nobody knows where they are";
  EXPECT_GT(life.take(command("another"))->value(), 1U) << "no id is used twice";
  life.expect_adds_up();
}

TEST_F(InboxDamageTest, ADamagedDatabaseOfTheSecondVersionIsMendedWithoutAWordAboutThem) {
  make_spool();
  state_.run_sql(
      "DROP TABLE document; DROP TABLE command; DROP TABLE taken; ALTER TABLE assignment DROP COLUMN named_at; ALTER "
      "TABLE assignment DROP COLUMN why; PRAGMA user_version = 2");
  state_.run_sql("UPDATE account SET accepted = accepted + 1");
  Life life(state_.path());
  EXPECT_EQ(life.figures().queued, 100U);
  ASSERT_EQ(life.notes().size(), 1U);
  EXPECT_THAT(life.notes()[0], Not(HasSubstr("not all")));
  EXPECT_THAT(life.documents(), IsEmpty());
  EXPECT_THAT(life.commands(), IsEmpty());
  EXPECT_TRUE(life.take(command("m")));
}

}  // namespace
}  // namespace iotc_ha::spool_test
