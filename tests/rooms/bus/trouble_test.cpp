#include "private_bus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace iotc_ha::bus {
namespace {

using testing::SizeIs;

TEST(BusTrouble, ABusThatIsKilledAndComesBackIsFoundAgainWithThePresentState) {
  PrivateBus bus;
  bus.start();
  Served served(bus.address());
  served.on_loop([](Service& service) { service.publish(example_status()); });

  bus.kill();
  ASSERT_TRUE(served.noted("no connection to the bus at " + bus.address()));
  served.on_loop([](Service& service) {
    core::Status status = example_status();
    status.state = "Backoff";
    service.publish(status);
    service.failed_over("hub-a", "hub-b", std::chrono::seconds{1});
  });
  bus.start();
  ASSERT_TRUE(served.noted("io.github.iotc_ha is on the bus"));
  EXPECT_EQ(bus.get_property("State"), R"(s "Backoff")");
  EXPECT_EQ(bus.busctl({"get-property", "io.github.iotc_ha", "/org/freedesktop/LogControl1",
                        "org.freedesktop.LogControl1", "LogLevel"})
                .text,
            R"(s "info")");
  EXPECT_THAT(served.notes(), SizeIs(2)) << "one line for the loss, one for the return, none for a retry";
}

TEST(BusTrouble, ABusThatDiesWhileWeSendIsSurvived) {
  PrivateBus bus;
  bus.start();
  Served served(bus.address());
  served.on_loop([&](Service& service) {
    bus.kill();  // the loop has had no chance to see it
    core::Status status = example_status();
    service.publish(status);
    status.attempts = 99;
    service.publish(status);
  });
  ASSERT_TRUE(served.noted("no connection"));
  bus.start();
  ASSERT_TRUE(served.noted("is on the bus"));
  EXPECT_EQ(bus.get_property("Attempts"), "u 99");
}

TEST(BusTrouble, ABusThatIsNotThereAtTheStartIsWaitedFor) {
  PrivateBus bus;
  Served served(bus.address());
  ASSERT_TRUE(served.noted("No such file or directory"));
  bus.start();
  ASSERT_TRUE(served.noted("is on the bus"));
  EXPECT_EQ(bus.get_property("Version"), R"(s "1.2.3")");
  EXPECT_THAT(served.notes(), SizeIs(2));
}

TEST(BusTrouble, ANameThatAnotherProcessHasIsClaimedWhenItIsFree) {
  PrivateBus bus;
  bus.start();
  auto first = std::make_unique<Served>(bus.address());
  first->on_loop([](Service& service) { service.publish_model("dtmi:first;1"); });
  Served second(bus.address());
  ASSERT_TRUE(second.noted("the name io.github.iotc_ha was refused at " + bus.address() + ": another process has it"));
  EXPECT_EQ(bus.get_property("ModelId"), R"(s "dtmi:first;1")");
  first.reset();
  ASSERT_TRUE(second.noted("is on the bus"));
  EXPECT_EQ(bus.get_property("ModelId"), R"(s "dtmi:Sample:Failover;1")");
  EXPECT_THAT(second.notes(), SizeIs(2));
}

TEST(BusTrouble, AnAddressThatMakesNoSenseIsReportedOnceAndTheLoopGoesOn) {
  for (const std::string address :
       {"", "nonsense", "unix:path=/no/such/socket", "unix:", "tcp:host=127.0.0.1,port=1"}) {
    Served served(address);
    ASSERT_TRUE(served.noted("no connection to the bus at " + address + ": ")) << address;
    served.on_loop([](Service& service) { service.publish(example_status()); });
    EXPECT_THAT(served.notes(), SizeIs(1));
  }
}

TEST(BusTrouble, ABusThatAcceptsAndNeverAnswersHoldsUpNeitherTheLoopNorTheEnd) {
  PrivateBus bus;
  bus.start();
  bus.signal(SIGSTOP);
  const auto begin = std::chrono::steady_clock::now();
  {
    Served served(bus.address());
    served.on_loop([](Service& service) { service.publish(example_status()); });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{5}) << "a second to join, half to leave";
  bus.kill();
}

TEST(BusTrouble, ABusThatStopsReadingHoldsUpNeitherTheLoopNorTheEnd) {
  PrivateBus bus;
  bus.start();
  const auto begin = std::chrono::steady_clock::now();
  {
    Served served(bus.address());
    bus.signal(SIGSTOP);
    served.on_loop([](Service& service) {
      core::Status status = example_status();
      status.state_reason = std::string(20'000, 'x');
      for (std::uint32_t i = 0; i < 1'000; ++i) {  // 20 MB: sd-bus asks for a socket buffer of 8 MB
        status.attempts = i;
        status.state_reason[0] = static_cast<char>('a' + i % 26);
        service.publish(status);
      }
    });
    served.on_loop([](Service& /*service*/) {});
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
  bus.kill();
}

}  // namespace
}  // namespace iotc_ha::bus
