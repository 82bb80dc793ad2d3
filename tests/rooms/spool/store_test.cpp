#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace iotc_ha::spool {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

const AssignmentKey k_key{"global.azure-devices-provisioning.net", "0ne00000001", "failover-linux"};
const core::WallTime k_named{std::chrono::microseconds{1'700'000'000'123'456}};
const core::Remembered k_hub_a{{"hub-a.azure-devices.net", "Failover-Linux"}, k_named, "initialAssignment"};
const core::Remembered k_hub_b{{"hub-b.azure-devices.net", "Failover-Linux"}, k_named, "deviceDataMigrated"};

class StoreTest : public testing::Test {
 public:
  StoreTest() {
    std::string name = (fs::temp_directory_path() / "iotc-ha-spool-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    dir_ = name;
    file_ = dir_ / "iotc-ha.db";
  }
  ~StoreTest() override { fs::remove_all(dir_); }
  StoreTest(const StoreTest&) = delete;
  StoreTest& operator=(const StoreTest&) = delete;

 protected:
  core::Result<std::unique_ptr<Store>> open(runtime::Loop& loop) {
    return Store::open(dir_, {}, loop, [this](const core::Error& error) { notes_.push_back(error.what); });
  }
  /// Opens the store, keeps the assignment, and closes the store again.
  core::Result<void> remember(const AssignmentKey& key, const core::Remembered& hub) {
    runtime::Loop loop;
    const auto store = open(loop);
    if (!store) return tl::unexpected(store.error());
    core::Result<void> outcome = core::fail(core::Fault::TimedOut, "no answer within 10 s");
    (*store)->remember(key, hub, [&](core::Result<void> answer) {
      outcome = std::move(answer);
      loop.exit(0);
    });
    const auto deadline = loop.make_timer([&] { loop.exit(1); });
    deadline->arm(loop.now() + std::chrono::seconds{10});
    loop.run();
    return outcome;
  }
  core::Result<std::optional<core::Remembered>> remembered(const AssignmentKey& key) {
    runtime::Loop loop;
    const auto store = open(loop);
    if (!store) return tl::unexpected(store.error());
    return (*store)->remembered(key);
  }
  /// The hub's name, "none", or the error.
  std::string remembered_hub(const AssignmentKey& key) {
    const auto answer = remembered(key);
    if (!answer) return answer.error().what;
    return answer->has_value() ? (*answer)->assignment.hub : "none";
  }
  std::vector<fs::path> quarantined(const std::string& extension = ".db") const {
    std::vector<fs::path> files;
    if (!fs::exists(dir_ / "quarantine")) return files;
    for (const auto& entry : fs::directory_iterator(dir_ / "quarantine")) {
      if (entry.path().extension() == extension) files.push_back(entry.path());
    }
    return files;
  }
  void write_file(const std::string& bytes) const { std::ofstream(file_, std::ios::binary) << bytes; }
  static std::string read_file(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// What another program, or a person with the sqlite3 shell, does to the file.
  void run_sql(const std::string& sql) const {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }

  fs::path dir_;
  fs::path file_;
  std::vector<std::string> notes_;
};

TEST_F(StoreTest, AnEmptyDirectoryRemembersNothing) {
  EXPECT_EQ(remembered_hub(k_key), "none");
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(StoreTest, AnAssignmentSurvivesReopening) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  const auto answer = remembered(k_key);
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(*answer, k_hub_a);
}

TEST_F(StoreTest, TheLastAssignmentReplacesTheOneBefore) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  ASSERT_TRUE(remember(k_key, k_hub_b));
  EXPECT_EQ(remembered_hub(k_key), k_hub_b.assignment.hub);
}

TEST_F(StoreTest, AnAssignmentOfAnotherEnrolmentIsNotReturned) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  const AssignmentKey other_host{"127.0.0.1", k_key.id_scope, k_key.registration_id};
  const AssignmentKey other_scope{k_key.dps_host, "0ne00000002", k_key.registration_id};
  const AssignmentKey other_device{k_key.dps_host, k_key.id_scope, "failover-linux-2"};
  for (const AssignmentKey& key : {other_host, other_scope, other_device}) {
    EXPECT_EQ(remembered_hub(key), "none") << key.dps_host << ' ' << key.id_scope << ' ' << key.registration_id;
  }
}

TEST_F(StoreTest, WhatWasAcknowledgedSurvivesAKilledProcess) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    runtime::Loop loop;
    const auto store = open(loop);
    if (!store) _exit(1);
    (*store)->remember(k_key, k_hub_a, [](const core::Result<void>& outcome) {
      if (outcome) kill(getpid(), SIGKILL);
      _exit(1);
    });
    loop.run();
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child could not write";
  EXPECT_EQ(remembered_hub(k_key), k_hub_a.assignment.hub);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(StoreTest, AFileOfNoiseIsQuarantinedAndANewOneBegun) {
  std::string noise(20'000, '\0');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>((i * 2'654'435'761U) >> 13U);
  write_file(noise);
  ASSERT_TRUE(remember(k_key, k_hub_a));
  ASSERT_EQ(quarantined().size(), 1U);
  EXPECT_EQ(read_file(quarantined()[0]), noise) << "kept as it was";
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_THAT(notes_[0], HasSubstr(file_.string()));
  EXPECT_THAT(notes_[0], HasSubstr(quarantined()[0].string()));
  EXPECT_EQ(remembered_hub(k_key), k_hub_a.assignment.hub);
  EXPECT_EQ(notes_.size(), 1U) << "the new one is sound";
}

TEST_F(StoreTest, AFileCutShortIsQuarantinedAndWhatCanBeReadOfItIsKept) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  fs::resize_file(file_, fs::file_size(file_) / 2);
  EXPECT_EQ(remembered_hub(k_key), k_hub_a.assignment.hub);
  EXPECT_EQ(quarantined().size(), 1U);
}

TEST_F(StoreTest, APageOfRubbishInTheMiddleIsFoundAndQuarantined) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  {
    std::fstream file(file_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096);
    file << std::string(4096, '\xa5');
  }
  EXPECT_EQ(remembered_hub(k_key), "none");
  EXPECT_EQ(quarantined().size(), 1U);
}

TEST_F(StoreTest, ADamagedFileTakesItsLogWithItIntoQuarantine) {
  const std::string log = "what the last commits wrote";
  write_file(std::string(20'000, 'x'));
  std::ofstream(file_.string() + "-wal") << log;
  ASSERT_TRUE(remembered(k_key));
  ASSERT_EQ(quarantined().size(), 1U);
  ASSERT_EQ(quarantined(".db-wal").size(), 1U);
  EXPECT_EQ(read_file(quarantined(".db-wal")[0]), log);
  EXPECT_EQ(quarantined(".db-wal")[0].stem(), quarantined()[0].stem());
}

TEST_F(StoreTest, TheDatabaseOfAnotherProgramIsQuarantinedUnchanged) {
  run_sql("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('x')");
  const std::string before = read_file(file_);
  ASSERT_TRUE(remember(k_key, k_hub_a));
  ASSERT_EQ(quarantined().size(), 1U);
  EXPECT_EQ(read_file(quarantined()[0]), before);
}

TEST_F(StoreTest, TwoFilesQuarantinedInOneSecondAreBothKept) {
  for (int i = 0; i < 3; ++i) {
    write_file(std::string(20'000, static_cast<char>('a' + i)));
    ASSERT_TRUE(remembered(k_key));
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(file_.string() + suffix);
  }
  EXPECT_EQ(quarantined().size(), 3U);
}

TEST_F(StoreTest, TheDatabaseOfANewerVersionIsRefusedAndLeftAlone) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  run_sql("PRAGMA user_version = 1000");
  const std::string before = read_file(file_);
  const auto answer = remembered(k_key);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, core::Fault::StorageFailed);
  EXPECT_THAT(answer.error().what, HasSubstr("newer version of iotc-ha"));
  EXPECT_THAT(answer.error().what, HasSubstr("1000"));
  EXPECT_THAT(quarantined(), IsEmpty());
  EXPECT_EQ(read_file(file_), before);
}

TEST_F(StoreTest, ADirectoryThatIsMissingIsMadeButNotItsParents) {
  dir_ /= "state";
  file_ = dir_ / "iotc-ha.db";
  EXPECT_TRUE(remember(k_key, k_hub_a));
  const fs::path made = dir_;
  dir_ = made / "no" / "such";
  const auto answer = remembered(k_key);
  dir_ = made.parent_path();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, core::Fault::StorageFailed);
  EXPECT_THAT(answer.error().what, HasSubstr("no/such"));
}

/// Root may write everywhere, so what a service user meets is tried as one.
class StoreAsNobodyTest : public StoreTest {
 public:
  StoreAsNobodyTest() = default;
  ~StoreAsNobodyTest() override { EXPECT_EQ(seteuid(getuid()), 0); }
  StoreAsNobodyTest(const StoreAsNobodyTest&) = delete;
  StoreAsNobodyTest& operator=(const StoreAsNobodyTest&) = delete;

 protected:
  static void become_nobody() {
    constexpr uid_t k_nobody = 65534;
    if (getuid() == 0) {
      ASSERT_EQ(seteuid(k_nobody), 0);
    }
  }
};

TEST_F(StoreAsNobodyTest, AReadOnlyDirectoryGivesStorageFailed) {
  fs::permissions(dir_, fs::perms{0555});
  become_nobody();
  const auto answer = remembered(k_key);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, core::Fault::StorageFailed);
  EXPECT_THAT(answer.error().what, HasSubstr(file_.string()));
  EXPECT_THAT(answer.error().what, HasSubstr("Permission denied"));
}

TEST_F(StoreAsNobodyTest, AFileThatMayOnlyBeReadGivesStorageFailed) {
  ASSERT_TRUE(remember(k_key, k_hub_a));
  fs::permissions(file_, fs::perms{0444});
  fs::permissions(dir_, fs::perms{0777});
  become_nobody();
  const auto answer = remembered(k_key);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault, core::Fault::StorageFailed);
  EXPECT_THAT(answer.error().what, HasSubstr("Permission denied"));
  EXPECT_THAT(quarantined(), IsEmpty());
}

TEST_F(StoreTest, EachOfManyCallsIsAnsweredOnceKeptOrBusy) {
  constexpr int k_count = 500;
  runtime::Loop loop;
  const auto store = open(loop);
  ASSERT_TRUE(store);
  int kept = 0;
  int busy = 0;
  for (int i = 0; i < k_count; ++i) {
    (*store)->remember(k_key, k_hub_a, [&](const core::Result<void>& outcome) {
      if (outcome) {
        ++kept;
      } else if (outcome.error().fault == core::Fault::Busy) {
        ++busy;
      }
      if (kept + busy == k_count) loop.exit(0);
    });
  }
  const auto deadline = loop.make_timer([&] { loop.exit(1); });
  deadline->arm(loop.now() + std::chrono::seconds{30});
  EXPECT_EQ(loop.run(), 0) << "each is answered once: " << kept << " kept, " << busy << " refused";
  EXPECT_GE(kept, 64);
}

}  // namespace
}  // namespace iotc_ha::spool
