#include "network_view.hpp"

#include "route_messages.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::runtime {
namespace {

constexpr unsigned k_link = 3;
constexpr unsigned k_other_link = 4;
constexpr std::uint32_t k_own_port = 4711;

/// A view of a network that nobody has told anything of yet.
class NetworkViewTest : public ::testing::Test {
 protected:
  bool news(const RouteMessage& message) { return view_.read(message.bytes(), k_own_port).news; }
  bool address(const std::string& text, unsigned flags = 0, unsigned char scope = RT_SCOPE_UNIVERSE) {
    return news(address_message(RTM_NEWADDR, k_link, text, flags, 0, scope));
  }
  bool address_gone(const std::string& text) { return news(address_message(RTM_DELADDR, k_link, text)); }
  bool route(const RouteFields& fields, unsigned flags = 0) { return news(route_message(RTM_NEWROUTE, fields, flags)); }
  bool link(unsigned flags) { return news(link_message(RTM_NEWLINK, k_link, flags)); }
  NetworkView view_;
};

TEST_F(NetworkViewTest, AnAddressIsNewsOnceAndAgainAfterItWasGone) {
  EXPECT_TRUE(address("192.0.2.7"));
  EXPECT_FALSE(address("192.0.2.7")) << "its lease was renewed";
  EXPECT_FALSE(address_gone("192.0.2.7"));
  EXPECT_TRUE(address("192.0.2.7"));
  EXPECT_TRUE(address("2001:db8::7"));
  EXPECT_FALSE(address("2001:db8::7"));
}

TEST_F(NetworkViewTest, AnAddressThatCannotBeUsedIsNoNewsUntilItCan) {
  EXPECT_FALSE(address("2001:db8::7", IFA_F_TENTATIVE));
  EXPECT_TRUE(address("2001:db8::7"));
  EXPECT_FALSE(address("2001:db8::7", IFA_F_DEPRECATED));
  EXPECT_FALSE(address("2001:db8::8", IFA_F_DADFAILED | IFA_F_TENTATIVE));
  EXPECT_FALSE(address("fe80::1", 0, RT_SCOPE_LINK));
  EXPECT_FALSE(address("127.0.0.1", 0, RT_SCOPE_HOST));
}

TEST_F(NetworkViewTest, ARouteOfTheMainTableIsNewsOnce) {
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.1", .link = k_link}));
  EXPECT_FALSE(route({.to = "", .gateway = "192.0.2.1", .link = k_link}));
  EXPECT_TRUE(route({.to = "198.51.100.0", .gateway = "192.0.2.1", .link = k_link}));
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.1", .link = k_other_link}));
  EXPECT_FALSE(news(route_message(RTM_DELROUTE, {.to = "", .gateway = "192.0.2.1", .link = k_link})));
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.1", .link = k_link}));
}

TEST_F(NetworkViewTest, WhatIsNoWayToAHubIsNoNews) {
  EXPECT_FALSE(route({.to = "192.0.2.0", .gateway = "", .protocol = RTPROT_KERNEL}));
  EXPECT_FALSE(route({.to = "192.0.2.0", .gateway = "192.0.2.1", .protocol = RTPROT_REDIRECT}));
  EXPECT_FALSE(route({.to = "192.0.2.0", .gateway = "", .table = RT_TABLE_LOCAL}));
  EXPECT_FALSE(route({.to = "192.0.2.0", .gateway = "", .type = RTN_UNREACHABLE}));
  EXPECT_FALSE(route({.to = "192.0.2.0", .gateway = "192.0.2.1", .flags = RTM_F_CLONED}));
}

TEST_F(NetworkViewTest, ARouteInPlaceOfAnotherIsNewsAndSoIsTheWayBack) {
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.1"}));
  EXPECT_FALSE(route({.to = "", .gateway = "192.0.2.1"}, NLM_F_REPLACE));
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.2"}, NLM_F_REPLACE));
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.1"}, NLM_F_REPLACE));
}

TEST_F(NetworkViewTest, ALinkThatWorksAgainIsNewsWhereThereIsAnAddress) {
  EXPECT_FALSE(link(IFF_UP));
  EXPECT_FALSE(link(IFF_UP | IFF_RUNNING)) << "there is no address yet, it will be told";
  EXPECT_TRUE(address("192.0.2.7"));
  EXPECT_FALSE(link(IFF_UP | IFF_RUNNING));
  EXPECT_FALSE(link(IFF_UP)) << "the cable was pulled";
  EXPECT_TRUE(link(IFF_UP | IFF_RUNNING));
  EXPECT_FALSE(link(IFF_UP | IFF_RUNNING));
}

TEST_F(NetworkViewTest, RoutesThatTheKernelDropsSilentlyAreNewsWhenTheyComeBack) {
  const RouteFields fields{.to = "", .gateway = "192.0.2.1", .link = k_link};
  EXPECT_TRUE(address("192.0.2.7"));
  EXPECT_TRUE(route(fields));
  EXPECT_FALSE(link(0)) << "down";
  EXPECT_TRUE(link(IFF_UP | IFF_RUNNING));
  EXPECT_TRUE(route(fields));
  EXPECT_FALSE(address_gone("192.0.2.7"));
  EXPECT_TRUE(route(fields));
}

TEST_F(NetworkViewTest, WhatWasThereBeforeIsNoNews) {
  const auto there = address_message(RTM_NEWADDR, k_link, "192.0.2.7").to(k_own_port);
  EXPECT_FALSE(news(there));
  EXPECT_FALSE(address("192.0.2.7"));
  EXPECT_FALSE(view_.read(there.bytes(), k_own_port).answered);
  const int none = 0;
  EXPECT_TRUE(view_.read(RouteMessage(NLMSG_DONE, NLM_F_MULTI, none).to(k_own_port).bytes(), k_own_port).answered);
  EXPECT_FALSE(view_.read(RouteMessage(NLMSG_DONE, NLM_F_MULTI, none).to(1).bytes(), k_own_port).answered);
}

TEST_F(NetworkViewTest, ManyRoutesAreNotRememberedForEver) {
  for (unsigned i = 0; i < NetworkView::k_remembered_max; ++i) {
    ASSERT_TRUE(route({.to = "10." + std::to_string(i / 256) + '.' + std::to_string(i % 256) + ".0", .gateway = ""}));
  }
  EXPECT_FALSE(route({.to = "192.0.2.0", .gateway = ""}));
  EXPECT_TRUE(route({.to = "", .gateway = "192.0.2.1"}));
}

TEST_F(NetworkViewTest, AMessageThatIsCutShortDoesNoHarm) {
  const auto whole = route_message(RTM_NEWROUTE, {.to = "198.51.100.0", .gateway = "192.0.2.1"});
  for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
    // Once as it was cut, and once with a header that fits what is left.
    EXPECT_FALSE(view_.read(whole.bytes().first(size), k_own_port).news);
    std::vector<std::byte> cut(whole.bytes().begin(), whole.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    const auto length = static_cast<std::uint32_t>(size);
    if (size >= sizeof(nlmsghdr)) std::memcpy(cut.data(), &length, sizeof length);
    static_cast<void>(view_.read(cut, k_own_port));
  }
}

}  // namespace
}  // namespace iotc_ha::runtime
