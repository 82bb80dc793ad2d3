#include "life.hpp"
#include "small_disk.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <set>
#include <string>
#include <vector>

/// C2D messages, which wait on disk for a program that takes them.
namespace iotc_ha::spool_test {
namespace {

namespace fs = std::filesystem;
using Id = core::Result<std::optional<std::uint64_t>>;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CommandTest : public testing::Test {
 protected:
  StateDirectory state_;
};

std::vector<std::string> message_ids_of(const std::vector<core::DurableCommand>& commands) {
  std::vector<std::string> ids;
  for (const core::DurableCommand& one : commands) ids.push_back(one.message_id);
  return ids;
}

TEST_F(CommandTest, OneThatIsTakenIsThereInTheNextLifeAsItCame) {
  core::DurableCommand odd = command("m-1", std::string("\0\xff not JSON", 11));
  odd.name = "";
  odd.component = "ä\n";
  odd.until = odd.received + std::chrono::microseconds{1};
  core::DurableCommand plain = command("", "");
  {
    Life life(state_.path());
    EXPECT_THAT(life.commands(), IsEmpty());
    EXPECT_EQ(life.take(odd), Id(1));
    EXPECT_EQ(life.take(plain), Id(2));
  }
  odd.id = 1;
  plain.id = 2;
  Life life(state_.path());
  EXPECT_THAT(life.commands(), ElementsAre(odd, plain)) << "oldest first";
}

TEST_F(CommandTest, ItsIdIsNotLookedAt) {
  Life life(state_.path());
  core::DurableCommand one = command("m-1");
  one.id = 77;
  EXPECT_EQ(life.take(one), Id(1));
}

TEST_F(CommandTest, NoIdIsUsedTwiceAlsoWhenAllAreDoneWith) {
  for (std::uint64_t number = 1; number <= 3; ++number) {
    Life life(state_.path());
    EXPECT_THAT(life.commands(), IsEmpty());
    EXPECT_EQ(life.take(command("m-" + std::to_string(number))), Id(number));
    EXPECT_TRUE(life.complete(number));
  }
}

TEST_F(CommandTest, OneMessageIdIsTakenOnceCompletedOrNot) {
  {
    Life life(state_.path());
    EXPECT_EQ(life.take(command("m-1")), Id(1));
    EXPECT_EQ(life.take(command("m-1")), Id());
    EXPECT_TRUE(life.complete(1));
    EXPECT_EQ(life.take(command("m-1", "another payload")), Id());
  }
  Life life(state_.path());
  EXPECT_EQ(life.take(command("m-1")), Id());
  EXPECT_THAT(life.commands(), IsEmpty());
}

TEST_F(CommandTest, OneMessageIdIsTakenOnceWithinOneTransaction) {
  Life life(state_.path());
  std::vector<Id> answers;
  life.on_loop([&](spool::Store& store) {
    for (int i = 0; i < 3; ++i) {
      store.take(command("m-1"), [&](const Id& answer) { answers.push_back(answer); });
    }
  });
  life.settle();
  EXPECT_THAT(answers, ElementsAre(Id(1), Id(), Id()));
  EXPECT_EQ(life.commands().size(), 1U);
}

TEST_F(CommandTest, WithoutAMessageIdEachIsAnother) {
  Life life(state_.path());
  EXPECT_EQ(life.take(command("")), Id(1));
  EXPECT_EQ(life.take(command("")), Id(2));
}

TEST_F(CommandTest, OneThatIsCompletedIsNeverToldAgain) {
  {
    Life life(state_.path());
    for (const char* message_id : {"a", "b", "c"}) EXPECT_TRUE(life.take(command(message_id)));
    EXPECT_TRUE(life.complete(2));
    EXPECT_TRUE(life.complete(2));
    EXPECT_TRUE(life.complete(99)) << "one that is not there";
  }
  EXPECT_THAT(message_ids_of(Life(state_.path()).commands()), ElementsAre("a", "c"));
}

TEST_F(CommandTest, AMessageIdIsForgottenAfterItsAge) {
  const auto make_older = [this](std::chrono::seconds by) {
    state_.run_sql("UPDATE taken SET at = at - " + std::to_string(std::chrono::microseconds(by).count()));
  };
  {
    Life life(state_.path());
    EXPECT_EQ(life.take(command("m-1")), Id(1));
    EXPECT_TRUE(life.complete(1));
  }
  make_older(spool::Store::k_message_ids_age - std::chrono::minutes{10});
  {
    Life life(state_.path());
    EXPECT_EQ(life.take(command("m-1")), Id());
    EXPECT_EQ(life.take(command("m-2")), Id(2));
  }
  make_older(std::chrono::minutes{11});
  {
    Life life(state_.path());
    EXPECT_EQ(life.take(command("m-1")), Id(3)) << "no hub sends it that late";
    EXPECT_EQ(life.take(command("m-2")), Id());
  }
  EXPECT_EQ(state_.query("SELECT count(*) FROM taken"), 2) << "it takes no room either";
}

TEST_F(CommandTest, OfTooManyMessageIdsTheOldestIsForgotten) {
  const std::string most = std::to_string(spool::Store::k_message_ids_max);
  { EXPECT_EQ(Life(state_.path()).take(command("m-1")), Id(1)); }
  state_.run_sql("WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < " + most +
                 ") INSERT INTO taken SELECT n, 0, (SELECT at FROM taken), 'm-' || n FROM numbers");
  {
    Life life(state_.path());
    EXPECT_EQ(life.take(command("m-2")), Id());
    EXPECT_EQ(life.take(command("m-1")), Id()) << "not yet too many";
    EXPECT_EQ(life.take(command("new")), Id(spool::Store::k_message_ids_max + 1));
    EXPECT_EQ(life.take(command("m-1")), Id(spool::Store::k_message_ids_max + 2));
    EXPECT_EQ(life.take(command("m-3")), Id());
  }
  EXPECT_EQ(state_.query("SELECT count(*) FROM taken"), std::stoll(most));
}

TEST_F(CommandTest, MoreThanAThousandDoNotWait) {
  Life life(state_.path());
  std::set<core::Fault> faults;
  std::size_t taken = 0;
  for (std::size_t round = 0; round < 3; ++round) {
    life.on_loop([&](spool::Store& store) {
      for (std::size_t i = 0; i < 400; ++i) {
        store.take(command(""), [&](const Id& answer) {
          taken += answer ? 1U : 0U;
          if (!answer) faults.insert(answer.error().fault);
        });
      }
    });
    life.settle();
  }
  EXPECT_EQ(taken, spool::Store::k_commands_max);
  EXPECT_THAT(faults, ElementsAre(core::Fault::SpoolFull));
  EXPECT_TRUE(life.complete(500));
  EXPECT_TRUE(life.take(command("m-1"))) << "there is room again";
  const auto refused = life.take(command("m-2"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, core::Fault::SpoolFull);
  EXPECT_EQ(life.take(command("m-1")), Id()) << "a known one is known";
  EXPECT_TRUE(life.complete(501));
  EXPECT_TRUE(life.take(command("m-2"))) << "what was refused is not known";
}

/// As many bytes as one counts for.
core::DurableCommand command_of(std::uint64_t bytes) {
  core::DurableCommand one = command("");
  one.payload.assign(bytes - one.name.size() - one.component.size(), 'x');
  return one;
}

TEST_F(CommandTest, MoreThanEightMebibytesDoNotWait) {
  constexpr std::uint64_t k_each = spool::Store::k_commands_bytes_max / 8;
  {
    Life life(state_.path());
    for (std::uint64_t id = 1; id <= 7; ++id) EXPECT_EQ(life.take(command_of(k_each)), Id(id));
    EXPECT_EQ(life.take(command_of(k_each - 1)), Id(8));
  }
  Life life(state_.path());
  core::DurableCommand named = command("ä");  // two bytes
  named.name = named.component = named.payload = "";
  const auto refused = life.take(named);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, core::Fault::SpoolFull);
  EXPECT_THAT(refused.error().what, HasSubstr("8388607 bytes wait already"));
  EXPECT_THAT(refused.error().what, HasSubstr("above 8388608"));
  named.message_id = "a";
  EXPECT_EQ(life.take(named), Id(9)) << "it just fits";
  EXPECT_TRUE(life.complete(3));
  EXPECT_EQ(life.take(command_of(k_each)), Id(10)) << "there is room again";
}

TEST_F(CommandTest, MoreThanEightMebibytesDoNotWaitForTheDisk) {
  Life life(state_.path());
  std::vector<Id> answers;
  life.on_loop([&](spool::Store& store) {
    for (int i = 0; i < 3; ++i) {
      store.take(command_of(spool::Store::k_commands_bytes_max / 2),
                 [&](const Id& answer) { answers.push_back(answer); });
    }
  });
  life.settle();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(life.commands().size(), 2U);
  const auto refused = std::find_if(answers.begin(), answers.end(), [](const Id& answer) { return !answer; });
  ASSERT_NE(refused, answers.end());
  EXPECT_EQ(refused->error().fault, core::Fault::SpoolFull);
  EXPECT_THAT(refused->error().what, HasSubstr("8388608 bytes wait for the disk already"));
}

TEST_F(CommandTest, OneThatIsCompletedMakesRoomForOneThatIsTakenAfterIt) {
  Life life(state_.path());
  EXPECT_EQ(life.take(command_of(spool::Store::k_commands_bytes_max)), Id(1));
  core::Result<void> completed;
  Id taken;
  life.on_loop([&](spool::Store& store) {
    store.complete(1, [&](const core::Result<void>& answer) { completed = answer; });
    store.take(command("next"), [&](const Id& answer) { taken = answer; });
  });
  life.settle();
  EXPECT_TRUE(completed);
  EXPECT_EQ(taken, Id(2));
}

TEST_F(CommandTest, TheyDoNotCountAmongTheMessages) {
  Life life(state_.path());
  life.fill(10, 100);
  const core::SpoolFigures before = life.figures();
  EXPECT_TRUE(life.take(command("m-1")));
  EXPECT_TRUE(life.keep("twin", "{}"));
  core::SpoolFigures after = life.figures();
  after.bytes_written = before.bytes_written;
  after.oldest_queued = before.oldest_queued;
  EXPECT_EQ(after, before);
  life.expect_adds_up();
}

TEST_F(CommandTest, AFullDiskTakesNoneAndLosesNone) {
  SmallDisk::run(state_.path(), [](const fs::path& disk) {
    const fs::path ballast = disk / "ballast";
    std::vector<std::string> taken;
    {
      Life life(disk / "state");
      EXPECT_TRUE(life.keep("twin", "before"));
      EXPECT_EQ(life.take(command("first")), Id(1));
      taken.emplace_back("first");
      SmallDisk::fill_up(ballast);
      Id answer;
      for (int i = 0; (answer = life.take(command("m-" + std::to_string(i), std::string(20'000, ' ')))); ++i) {
        taken.push_back("m-" + std::to_string(i));
      }
      EXPECT_EQ(answer.error().fault, core::Fault::StorageFailed);
      EXPECT_THAT(answer.error().what, HasSubstr("disk is full"));
      const auto kept = life.keep("twin", std::string(200'000, ' '));
      ASSERT_FALSE(kept);
      EXPECT_EQ(kept.error().fault, core::Fault::StorageFailed);
      EXPECT_EQ(message_ids_of(life.commands()), taken);
      fs::remove(ballast);
      const std::string again = "m-" + std::to_string(taken.size() - 1);
      EXPECT_TRUE(life.take(command(again)).value()) << "what was not taken is not known";
      taken.push_back(again);
      EXPECT_TRUE(life.complete(1));
      taken.erase(taken.begin());
    }
    Life life(disk / "state");
    EXPECT_EQ(message_ids_of(life.commands()), taken);
    EXPECT_EQ(life.documents().at("twin"), "before");
  });
}

}  // namespace
}  // namespace iotc_ha::spool_test
