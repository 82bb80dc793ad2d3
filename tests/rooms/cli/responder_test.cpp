#include "responder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <thread>

namespace iotc_ha::cli {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

/// Has a program answer a command that prints nothing.
class ResponderTest : public testing::Test {
 protected:
  ~ResponderTest() override { close(interrupt_); }

  [[nodiscard]] Completion answer_of(const std::string& program) const {
    const Responder responder("answer", program, std::chrono::seconds{60}, interrupt_);
    return responder.answer(core::Invocation{5, "reset", "", "null", false}).value_or(Completion{});
  }

  int interrupt_ = eventfd(0, EFD_CLOEXEC);
};

/// From now on this thread's calls of pidfd_open() fail, as in a container that does not know it.
bool forbid_pidfd_open() {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(ResponderTest, WhereAProgramCannotBeWatchedTheAnswerSaysSoAtOnce) {
  Completion answer;
  std::thread([&] {
    ASSERT_TRUE(forbid_pidfd_open());
    answer = answer_of("/usr/bin/yes");  // which does not end by itself
  }).join();
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.json, R"({"error":"answer cannot be watched: pidfd_open: Function not implemented"})");
}

TEST_F(ResponderTest, AProgramWhoseEndNobodySawHasFailed) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const Completion answer = answer_of("/bin/true");
  std::signal(SIGCHLD, before);
  EXPECT_EQ(answer.status, 500);
  // It may be gone before anybody begins to watch it.
  EXPECT_THAT(answer.json, AnyOf(HasSubstr("it is not known how: waitpid: No child processes"),
                                 HasSubstr("cannot be watched: pidfd_open: No such process")));
}

}  // namespace
}  // namespace iotc_ha::cli
