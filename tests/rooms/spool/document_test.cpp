#include "life.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

/// Small texts under a name.
namespace iotc_ha::spool_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class DocumentTest : public testing::Test {
 protected:
  StateDirectory state_;
};

TEST_F(DocumentTest, OneThatIsKeptIsThereInTheNextLife) {
  {
    Life life(state_.path());
    EXPECT_THAT(life.documents(), IsEmpty());
    EXPECT_TRUE(life.keep("reported", R"({"battery":60.5})"));
    EXPECT_TRUE(life.keep("desired", "ä"));
  }
  EXPECT_THAT(Life(state_.path()).documents(),
              ElementsAre(Pair("desired", "ä"), Pair("reported", R"({"battery":60.5})")));
}

TEST_F(DocumentTest, TheNextOfANameTakesThePlaceOfTheOneBefore) {
  Life life(state_.path());
  EXPECT_TRUE(life.keep("desired", std::string(10'000, 'x')));
  EXPECT_TRUE(life.keep("reported", "{}"));
  EXPECT_TRUE(life.keep("desired", "2"));
  EXPECT_THAT(life.documents(), ElementsAre(Pair("desired", "2"), Pair("reported", "{}")));
}

TEST_F(DocumentTest, OfSeveralThatWaitTheLastIsKeptAndAllAreAnswered) {
  int answers = 0;
  {
    Life life(state_.path());
    life.on_loop([&](spool::Store& store) {
      for (const char* text : {"1", "2", "3"}) {
        store.keep("desired", text, [&](const core::Result<void>& kept) { answers += kept ? 1 : 0; });
      }
    });
    life.settle();
    EXPECT_EQ(answers, 3);
  }
  EXPECT_THAT(Life(state_.path()).documents(), ElementsAre(Pair("desired", "3")));
}

TEST_F(DocumentTest, AnEmptyTextTakesItAway) {
  {
    Life life(state_.path());
    EXPECT_TRUE(life.keep("desired", "{}"));
    EXPECT_TRUE(life.keep("desired", ""));
    EXPECT_TRUE(life.keep("never kept", ""));
    EXPECT_THAT(life.documents(), IsEmpty());
  }
  EXPECT_THAT(Life(state_.path()).documents(), IsEmpty());
}

TEST_F(DocumentTest, OneThatIsTooLargeIsRefusedAndTheOneBeforeStays) {
  Life life(state_.path());
  const std::string largest(spool::Store::k_document_bytes_max, 'x');
  EXPECT_TRUE(life.keep("desired", largest));
  const auto refused = life.keep("desired", largest + 'x');
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, core::Fault::PayloadTooLarge);
  EXPECT_THAT(life.documents(), ElementsAre(Pair("desired", largest)));
}

TEST_F(DocumentTest, ItSharesATransactionWithWhateverElseIsAskedFor) {
  Life life(state_.path());
  life.settle();
  const std::uint64_t before = life.figures().bytes_written;
  EXPECT_TRUE(life.keep("desired", "{}"));
  const std::uint64_t alone = life.figures().bytes_written - before;
  std::uint64_t answers = 0;
  life.on_loop([&](spool::Store& store) {
    for (int i = 0; i < 50; ++i) {
      store.keep("desired", "{}", [&](const core::Result<void>& kept) { answers += kept ? 1U : 0U; });
      store.append({message("{}")}, [&](const core::Result<core::Sequences>& taken) { answers += taken ? 1U : 0U; });
      store.take(command(""), [&](const auto& taken) { answers += taken ? 1U : 0U; });
    }
  });
  life.settle();
  EXPECT_EQ(answers, 150U);
  if (alone == 0) GTEST_SKIP() << "this kernel does not count what a thread writes";
  EXPECT_LT(life.figures().bytes_written - before - alone, 20 * alone);
}

}  // namespace
}  // namespace iotc_ha::spool_test
