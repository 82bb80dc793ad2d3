#include "route_messages.hpp"

#include <iotc_ha/runtime/world.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <cerrno>
#include <functional>
#include <thread>

namespace iotc_ha::runtime {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr unsigned k_lo = 1;

/// A loop and a World in a network namespace that has nothing but a loopback device, which is up.
class Place {
 public:
  using Steps = std::vector<std::function<void()>>;

  /// Does the first step, the next ones when there is news, and ends with the news after the last.
  void run(Steps its_steps) {
    steps = std::move(its_steps);
    const auto limit = loop.make_timer([this] {
      ADD_FAILURE() << "no news after step " << done;
      loop.exit(1);
    });
    limit->arm(loop.now() + 30s);
    go_on();
    loop.run();
  }
  void add(const std::string& address) const {
    command(address_message(RTM_NEWADDR, k_lo, address, 0, RouteCommands::k_add));
  }
  void renew(const std::string& address) const {
    command(address_message(RTM_NEWADDR, k_lo, address, 0, RouteCommands::k_replace));
  }
  void remove(const std::string& address) const {
    command(address_message(RTM_DELADDR, k_lo, address, 0, RouteCommands::k_do));
  }
  /// Calls `task` when all that may have been told by now has been.
  void later(Task task) {
    timer = loop.make_timer(std::move(task));
    timer->arm(loop.now() + 4 * World::k_settle);
  }

  RouteCommands command;
  const bool up = (command(link_message(RTM_NEWLINK, k_lo, IFF_UP, RouteCommands::k_do)), true);
  Loop loop;
  std::vector<World::News> news;
  Steps steps;
  std::size_t done = 0;
  std::unique_ptr<Loop::Timer> timer;
  World world{loop, [this](const World::News& each) {
                EXPECT_EQ(each.change, World::Change::Network);
                news.push_back(each);
                go_on();
              }};

 private:
  void go_on() {
    if (done == steps.size()) return loop.exit(0);
    steps[done++]();
  }
};

/// Runs `body` in a Place of its own, on a thread that goes with it. Answers why the kernel does not let us have one.
std::string in_a_place(const std::function<void(Place&)>& body) {
  int refused = 0;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      refused = errno;
      return;
    }
    try {
      Place place;
      body(place);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }).join();
  return refused == 0 ? "" : "no network namespace: " + std::generic_category().message(refused);
}

TEST(World, TellsOfANewAddressAndOfANewRoute) {
  const auto refused = in_a_place([](Place& place) {
    place.run({[&] { place.add("192.0.2.7"); },
               [&] {
                 place.command(route_message(RTM_NEWROUTE, {.to = "198.51.100.0", .gateway = "", .link = k_lo},
                                             RouteCommands::k_add));
               },
               [&] {
                 place.command(route_message(RTM_NEWROUTE, {.to = "", .gateway = "192.0.2.1", .link = k_lo},
                                             RouteCommands::k_add));
               }});
    EXPECT_EQ(place.news.size(), 3U);
    EXPECT_EQ(place.world.trouble(), "");
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

TEST(World, TellsNothingOfWhatGoesOrIsRenewed) {
  const auto refused = in_a_place([](Place& place) {
    place.run({[&] { place.add("192.0.2.7"); },
               [&] {
                 place.renew("192.0.2.7");
                 place.remove("192.0.2.7");
                 place.later([&] {
                   EXPECT_EQ(place.news.size(), 1U);
                   place.add("192.0.2.7");  // and that it is there again is news
                 });
               }});
    EXPECT_EQ(place.news.size(), 2U);
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

TEST(World, TellsOnceOfWhatComesTogether) {
  const auto refused = in_a_place([](Place& place) {
    place.run({[&] {
                 for (const char* each : {"192.0.2.7", "198.51.100.7", "203.0.113.7"}) place.add(each);
               },
               [&] { place.later([&] { place.loop.exit(0); }); }});
    EXPECT_EQ(place.news.size(), 1U);
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

TEST(World, TellsOfALinkThatWorksAgainWithTheAddressThatItHad) {
  const auto refused = in_a_place([](Place& place) {
    place.run({[&] { place.add("192.0.2.7"); },
               [&] {
                 place.command(link_message(RTM_NEWLINK, k_lo, 0, RouteCommands::k_do));
                 place.later([&] {
                   EXPECT_EQ(place.news.size(), 1U);
                   place.command(link_message(RTM_NEWLINK, k_lo, IFF_UP, RouteCommands::k_do));
                 });
               }});
    EXPECT_EQ(place.news.size(), 2U);
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

TEST(World, GoesOnAfterMoreNewsThanTheKernelKeeps) {
  const auto refused = in_a_place([](Place& place) {
    place.run({[&] {
                 for (int i = 0; i < 2'000; ++i) {
                   place.add("10." + std::to_string(i / 250) + '.' + std::to_string(i % 250) + ".1");
                 }
               },
               [&] { place.later([&] { place.add("192.0.2.7"); }); }});
    EXPECT_GE(place.news.size(), 2U);
    EXPECT_EQ(place.world.trouble(), "");
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

TEST(World, TellsNothingWhileNothingHappens) {
  const auto refused = in_a_place([](Place& place) {
    int turns = 0;
    const std::function<void()> turn = [&] {
      if (++turns == 1'000) return place.loop.exit(0);
      place.loop.post(turn);
    };
    place.run({turn});
    EXPECT_EQ(turns, 1'000);
    EXPECT_TRUE(place.news.empty());
    EXPECT_EQ(place.world.trouble(), "");
  });
  if (!refused.empty()) GTEST_SKIP() << refused;
}

/// Wants nothing.
class Idle final : public Loop::Pollable {
 public:
  Wanted wanted() override { return {}; }
  void ready() override {}
};

TEST(World, SaysSoWhenTheKernelRefusesAndTheLoopRunsOn) {
  Loop loop;
  // With these two, the loop has all descriptors that it needs itself.
  Idle idle;
  const auto attachment = loop.attach(idle);
  const auto end = loop.make_timer([&] { loop.exit(0); });
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(STDERR_FILENO);
  ASSERT_GE(next, 0);
  close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  World world(loop, [](const World::News&) { FAIL() << "nothing can be told"; });
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(world.trouble(), HasSubstr("changes of the network are not noticed: Too many open files"));
  EXPECT_THAT(world.trouble(), HasSubstr("; a clock that is set is noticed late: Too many open files"));
  end->arm(loop.now());
  EXPECT_EQ(loop.run(), 0);
}

}  // namespace
}  // namespace iotc_ha::runtime
