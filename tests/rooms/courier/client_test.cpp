#include "../provisioning/dps_server.hpp"
#include "../provisioning/question.hpp"
#include "wait.hpp"

#include <iotc_ha/courier/client.hpp>
#include <iotc_ha/provisioning/client.hpp>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <ground/on_its_loop.hpp>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The real iotc-ha-dps, asked as the daemon asks it.
namespace iotc_ha::courier {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using core::AttemptId;
using core::Fault;
using core::Registered;
using core::RegistrationSent;
using integration::eventually;
using integration::k_patience;
using provisioning::assigned;
using provisioning::authority;
using provisioning::DpsServer;
using provisioning::registration;
using provisioning::Says;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

Says nothing() { return {.status = 200, .body = "", .headers = {}, .nothing = true}; }

struct Stat {
  std::string name;
  pid_t parent = 0;
};

/// Of /proc/PID/stat: "PID (NAME) STATE PARENT ...", where the name may hold anything.
Stat stat_of(const fs::path& process) {
  std::string text;
  std::getline(std::ifstream(process / "stat"), text);
  const auto begin = text.find('(');
  const auto end = text.rfind(')');
  if (end == std::string::npos || text.size() < end + 5) return {};  // it has just gone
  Stat stat{text.substr(begin + 1, end - begin - 1)};
  std::from_chars(text.data() + end + 4, text.data() + text.size(), stat.parent);
  return stat;
}

/// The processes that this one has started and that have not been buried, but for that of a sanitizer: a zombie counts.
std::vector<pid_t> children() {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid <= 0) continue;
    const Stat stat = stat_of(entry.path());
    if (stat.parent == getpid() && stat.name != "llvm-symbolizer") found.push_back(pid);
  }
  return found;
}

using OnItsLoop = ground::OnItsLoop<Client, core::RegistrationNotice>;

class Courier : public testing::Test {
 protected:
  static Program program(const std::string& path = IOTC_HA_DPS_PROGRAM) {
    auto opened = Program::open(path);
    if (!opened) throw std::runtime_error(opened.error().what);
    return *std::move(opened);
  }
  void start(std::chrono::milliseconds linger = Client::k_linger, const std::string& path = IOTC_HA_DPS_PROGRAM) {
    client_.emplace([&](runtime::Loop& loop, OnItsLoop::Take take) {
      return std::make_unique<Client>(loop, program(path), std::move(take), linger);
    });
  }
  DpsServer& serve(std::vector<Says> says) {
    return servers_.emplace_back(authority().issue("IP:127.0.0.1"), std::move(says));
  }
  void ask(std::uint64_t attempt, const core::Registration& registration) {
    client_->run([&](Client& client) { client.register_device(AttemptId{attempt}, registration); });
  }
  [[nodiscard]] std::optional<Registered> end_of(std::uint64_t attempt) {
    return client_->wait_for<Registered>(k_patience,
                                         [&](const Registered& end) { return end.attempt == AttemptId{attempt}; });
  }
  /// The error of a question that has one.
  core::Error error_of(std::uint64_t attempt) {
    const auto end = end_of(attempt);
    if (end && !end->assignment) return end->assignment.error();
    ADD_FAILURE() << (end ? "there was no error" : "there was no end");
    return {Fault::Cancelled, "", {}};
  }
  void expect_works(std::uint64_t attempt) {
    const auto dps = std::make_unique<DpsServer>(authority().issue("IP:127.0.0.1"), std::vector{assigned("hub-z")});
    ask(attempt, registration(dps->port()));
    const auto end = end_of(attempt);
    ASSERT_TRUE(end && end->assignment);
    EXPECT_EQ(end->assignment->hub, "hub-z");
    client_.reset();  // before the server, which waits for its connections
  }
  void TearDown() override {
    client_.reset();
    // On a busy machine one that was killed may take longer than its client waits for it.
    const auto all_buried = [] {
      waitpid(-1, nullptr, WNOHANG);
      return children().empty();
    };
    EXPECT_TRUE(eventually(all_buried)) << "no process outlives its client";
  }

  std::list<DpsServer> servers_;
  std::optional<OnItsLoop> client_;
};

TEST_F(Courier, AQuestionIsPutAndItsAnswerTold) {
  const DpsServer& dps = serve({assigned("hub-a")});
  start();
  EXPECT_THAT(children(), IsEmpty()) << "nothing was asked yet";
  ask(1, registration(dps.port()));
  EXPECT_TRUE(client_->wait_for<RegistrationSent>(k_patience));
  const auto end = end_of(1);
  ASSERT_TRUE(end && end->assignment);
  EXPECT_EQ(*end->assignment, (core::Assignment{"hub-a", "Dev-1"}));
  EXPECT_EQ(end->substatus, "initialAssignment");
  EXPECT_EQ(dps.heard().at(0).headers.at("Authorization"), "SharedAccessSignature sr=x&sig=SECRET&se=1");
}

TEST_F(Courier, AnErrorComesWithItsFaultAndItsWait) {
  const DpsServer& dps = serve({{429, "{}", {{"Retry-After", "17"}}}});
  start();
  ask(1, registration(dps.port()));
  const core::Error error = error_of(1);
  EXPECT_EQ(error.fault, Fault::DpsThrottled);
  EXPECT_EQ(error.retry_after, 17s);
}

TEST_F(Courier, OneProcessServesAllQuestionsOfAnEpisodeOnOneConnection) {
  const DpsServer& dps = serve({assigned("hub-a")});
  start();
  ask(1, registration(dps.port()));
  ASSERT_TRUE(end_of(1));
  const auto first = children();
  EXPECT_THAT(first, SizeIs(1));
  ask(2, registration(dps.port()));
  ASSERT_TRUE(end_of(2));
  EXPECT_EQ(children(), first);
  EXPECT_EQ(dps.connections(), 1U);
}

TEST_F(Courier, APreparedConnectionIsUsed) {
  DpsServer& dps = serve({assigned("hub-a")});
  start();
  const auto begin = std::chrono::steady_clock::now();
  client_->run([&](Client& client) { client.prepare(registration(dps.port())); });
  ASSERT_TRUE(dps.wait_for_connections(1));
  EXPECT_THAT(dps.heard(), IsEmpty());
  ask(1, registration(dps.port()));
  const auto end = end_of(1);
  ASSERT_TRUE(end && end->assignment);
  // So it is but for a very slow machine.
  if (std::chrono::steady_clock::now() - begin < provisioning::Client::k_prepared_max) {
    EXPECT_EQ(dps.connections(), 1U);
  }
}

TEST_F(Courier, ACancelledAttemptTellsNothingMore) {
  const DpsServer& silent = serve({nothing()});
  const DpsServer& other = serve({assigned("hub-b")});
  start();
  ask(1, registration(silent.port()));
  ASSERT_TRUE(client_->wait_for<RegistrationSent>(k_patience));
  client_->run([](Client& client) { client.cancel(AttemptId{1}); });
  ask(2, registration(other.port()));
  const auto end = end_of(2);
  ASSERT_TRUE(end && end->assignment);
  ASSERT_TRUE(client_->wait_for<RegistrationSent>(k_patience));
  EXPECT_THAT(client_->left(), IsEmpty());
}

TEST_F(Courier, AProcessThatIsKilledEndsItsQuestionAndTheNextHasAnother) {
  const DpsServer& silent = serve({nothing()});
  start();
  ask(1, registration(silent.port()));
  ASSERT_TRUE(client_->wait_for<RegistrationSent>(k_patience));
  ASSERT_THAT(children(), SizeIs(1));
  ::kill(children().front(), SIGKILL);
  const core::Error error = error_of(1);
  EXPECT_EQ(error.fault, Fault::Busy);
  EXPECT_EQ(error.what, "the process that asks DPS was ended by signal 9");
  EXPECT_THAT(children(), IsEmpty());
  expect_works(2);
}

TEST_F(Courier, AProcessThatIsKilledWhileItRestsIsReplaced) {
  const DpsServer& dps = serve({assigned("hub-a")});
  start();
  ask(1, registration(dps.port()));
  ASSERT_TRUE(end_of(1));
  ::kill(children().at(0), SIGKILL);
  EXPECT_TRUE(eventually([] { return children().empty(); }));
  expect_works(2);
}

TEST_F(Courier, AProcessThatStandsStillIsGivenUp) {
  const DpsServer& silent = serve({nothing()});
  start();
  ask(1, registration(silent.port(), 200ms));
  ASSERT_THAT(children(), SizeIs(1));
  ::kill(children().front(), SIGSTOP);
  EXPECT_TRUE(eventually([] { return children().empty(); }));
  const core::Error error = error_of(1);
  EXPECT_EQ(error.fault, Fault::TimedOut);
  expect_works(2);
}

TEST_F(Courier, AProcessWithNothingToDoIsLetGo) {
  const DpsServer& dps = serve({assigned("hub-a")});
  start(50ms);
  ask(1, registration(dps.port()));
  ASSERT_TRUE(end_of(1));
  EXPECT_TRUE(eventually([] { return children().empty(); }));
  expect_works(2);
}

TEST_F(Courier, ASignalToAllOfAServiceDoesNotReachIt) {
  const DpsServer& dps = serve({assigned("hub-a")});
  start();
  ask(1, registration(dps.port()));
  ASSERT_TRUE(end_of(1));
  const auto before = children();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::kill(before.at(0), number);
  ask(2, registration(dps.port()));
  EXPECT_TRUE(end_of(2));
  EXPECT_EQ(children(), before);
}

TEST_F(Courier, ItGetsNothingThatTheDaemonHasOpen) {
  std::array<int, 2> pipe_of_a_library{};
  ASSERT_EQ(pipe(pipe_of_a_library.data()), 0);  // NOLINT(android-cloexec-pipe): as Paho opens its sockets
  const std::string pipe_name = fs::read_symlink("/proc/self/fd/" + std::to_string(pipe_of_a_library[0]));
  const DpsServer& dps = serve({assigned("hub-a")});
  start();
  ask(1, registration(dps.port()));
  ASSERT_TRUE(end_of(1));
  std::vector<std::string> open;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(children().at(0)) + "/fd")) {
    open.push_back(fs::read_symlink(entry.path()));
  }
  EXPECT_THAT(open, Not(testing::Contains(pipe_name)));
  EXPECT_GT(open.size(), 3U);
  for (const int end : pipe_of_a_library) close(end);
}

TEST_F(Courier, AnUpgradeDoesNotChangeWhatARunningDaemonStarts) {
  const fs::path folder = testing::TempDir() + "courier-" + std::to_string(getpid());
  fs::create_directories(folder);
  const fs::path copy = folder / "iotc-ha-dps";
  fs::copy_file(IOTC_HA_DPS_PROGRAM, copy);
  start(Client::k_linger, copy);
  fs::copy_file("/bin/true", folder / "newer");
  fs::rename(folder / "newer", copy);
  expect_works(1);
  fs::remove_all(folder);
}

TEST_F(Courier, WhatCannotBeStartedIsAnErrorOfTheQuestion) {
  start(Client::k_linger, "/etc/passwd");
  ask(1, registration(1));
  const core::Error error = error_of(1);
  EXPECT_EQ(error.fault, Fault::Busy);
  EXPECT_THAT(error.what, HasSubstr("cannot start iotc-ha-dps, which asks DPS: "));
}

TEST_F(Courier, WithoutADescriptorLeftItIsAnErrorAndLaterItWorks) {
  start();
  const auto question = registration(1);  // which makes a file
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{3, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  ask(1, question);
  const core::Error error = error_of(1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(error.fault, Fault::Busy);
  EXPECT_EQ(error.what, "no sockets to speak to iotc-ha-dps: Too many open files");
  expect_works(2);
}

TEST_F(Courier, AProgramThatEndsWithoutAnAnswerIsAnErrorOfTheQuestion) {
  start(Client::k_linger, "/bin/true");
  ask(1, registration(1));
  EXPECT_EQ(error_of(1).fault, Fault::Busy);
}

TEST_F(Courier, AProgramThatTalksNonsenseIsAnErrorOfTheQuestion) {
  const fs::path script = testing::TempDir() + "courier-" + std::to_string(getpid()) + ".sh";
  std::ofstream(script) << "#!/bin/sh\nprintf nonsense >&0\nexec cat >/dev/null\n";
  fs::permissions(script, fs::perms::owner_all);
  start(Client::k_linger, script);
  ask(1, registration(1));
  const core::Error error = error_of(1);
  EXPECT_EQ(error.fault, Fault::InvalidPayload);
  EXPECT_THAT(error.what, HasSubstr("between the daemon and iotc-ha-dps cannot be read"));
  fs::remove(script);
}

TEST_F(Courier, AProgramThatIsNotThereIsNamed) {
  const auto missing = Program::open("/nowhere/iotc-ha-dps");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().what, "cannot open /nowhere/iotc-ha-dps, which asks DPS: No such file or directory");
  const auto not_found = Program::find();  // not beside this test
  ASSERT_FALSE(not_found);
  EXPECT_THAT(not_found.error().what, HasSubstr("libexec/iotc-ha/iotc-ha-dps"));
  EXPECT_THAT(not_found.error().what, HasSubstr("nor is there one at "));
}

TEST_F(Courier, StartedByHandItSaysWhatItIs) {
  FILE* const program = popen(IOTC_HA_DPS_PROGRAM " </dev/null 2>&1", "r");  // NOLINT(cert-env33-c)
  ASSERT_NE(program, nullptr);
  std::array<char, 200> said{};
  EXPECT_GT(fread(said.data(), 1, said.size() - 1, program), 0U);
  EXPECT_THAT(said.data(), HasSubstr("iotc-ha-dps is started by iotc-had"));
  const int status = pclose(program);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 64);
}

}  // namespace
}  // namespace iotc_ha::courier
