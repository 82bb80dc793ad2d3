#include "doors.hpp"
#include "frames.hpp"
#include "http.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// What the ways through a network are made of: frames, heads and the choice of a door. No network here.
namespace iotc_ha::hub {
namespace {

using namespace std::string_literals;
using core::Fault;
using testing::HasSubstr;
using testing::Not;
using State = websocket::Reader::State;

TEST(Frames, AClientsFrameIsMaskedAndSaysItsLengthInTheShortestWay) {
  const websocket::Mask mask{1, 2, 3, 4};
  EXPECT_EQ(websocket::frame(websocket::Opcode::Binary, "\1\2\3\4\1", mask), "\x82\x85\1\2\3\4\0\0\0\0\0"s);
  EXPECT_EQ(websocket::frame(websocket::Opcode::Binary, std::string(126, 'x'), mask).substr(0, 4), "\x82\xfe\0\x7e"s);
  EXPECT_EQ(websocket::frame(websocket::Opcode::Binary, std::string(65536, 'x'), mask).substr(0, 10),
            "\x82\xff\0\0\0\0\0\1\0\0"s);
}

TEST(Frames, AStreamIsReadHoweverItIsCut) {
  const std::string large(70'000, 'l');
  const std::string stream = "\x02\3abc"s + "\x89\2hi"s + "\x00\1d"s + "\x80\0"s + "\x82\x7e\0\3efg"s +
                             "\x82\x7f\0\0\0\0\0\1\x11\x70"s + large + "\x8a\0"s + "\x88\5\3\xe9" + "bye";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, stream.size()}) {
    websocket::Reader reader;
    std::string carried;
    State state = State::Open;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      state = reader.feed(std::string_view(stream).substr(at, piece), carried);
    }
    EXPECT_EQ(carried, "abcdefg" + large) << piece;
    EXPECT_EQ(reader.take_ping(), "hi");
    EXPECT_FALSE(reader.take_ping()) << "once";
    EXPECT_EQ(state, State::Closed);
    EXPECT_EQ(reader.farewell(), "code 1001 bye");
  }
}

TEST(Frames, WhatAServerMustNotSendBreaksTheStream) {
  for (const std::string& wrong : {"\x82\x81\1\2\3\4x"s, "\x81\1x"s, "\xc2\1x"s, "\x83\0"s, "\x80\1x"s,
                                   "\x02\1x\x82\1y"s, "\x09\0"s, "\x89\x7e\0\x7e"s, "\x82\x7f\x80\0\0\0\0\0\0\0"s}) {
    websocket::Reader reader;
    std::string carried;
    EXPECT_EQ(reader.feed(wrong, carried), State::Broken) << testing::PrintToString(wrong);
    EXPECT_FALSE(reader.farewell().empty());
    EXPECT_EQ(reader.feed("\x82\1z"s, carried), State::Broken) << "for good";
    EXPECT_THAT(carried, Not(HasSubstr("z")));
  }
}

TEST(Frames, TheAcceptKeyIsThatOfTheStandard) {
  EXPECT_EQ(websocket::accept_for("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(ProxyUrl, IsReadWithAndWithoutAUser) {
  EXPECT_FALSE(read_proxy("").value());
  const auto plain = read_proxy("http://proxy.example:3128").value();
  EXPECT_EQ(plain->host, "proxy.example");
  EXPECT_EQ(plain->port, 3128);
  EXPECT_EQ(plain->authorization, "");
  const auto known = read_proxy("http://us%40er:p%3Aa%2Fss@[::1]:8080/").value();
  EXPECT_EQ(known->host, "::1");
  EXPECT_EQ(known->port, 8080);
  EXPECT_EQ(known->authorization, "Basic dXNAZXI6cDphL3Nz");
  EXPECT_EQ(connect_request("hub.example:8883", *known),
            "CONNECT hub.example:8883 HTTP/1.1\r\nHost: hub.example:8883\r\n"
            "Proxy-Authorization: Basic dXNAZXI6cDphL3Nz\r\n\r\n");
}

TEST(ProxyUrl, OneThatCannotBeReadIsRefusedWithoutTheWordsOfThePassword) {
  for (const char* url : {"proxy:3128", "https://proxy:3128", "http://proxy", "http://:3128", "http://proxy:0",
                          "http://proxy:99999", "http://a b:3128", "http://user:hush%2@proxy:3128",
                          "http://us%3Aer:hush@proxy:3128", "http://user:hush@proxy"}) {
    const auto proxy = read_proxy(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_EQ(proxy.error().fault, Fault::BadConfiguration);
    EXPECT_THAT(proxy.error().what, Not(HasSubstr("hush")));
  }
}

TEST(HttpHead, IsReadWhenItIsThere) {
  const std::string head =
      "HTTP/1.1 101 Switching Protocols\r\nupgrade:WebSocket\r\nConnection: keep-alive , Upgrade\r\n"
      "Sec-WebSocket-Accept: abc=\r\nSEC-WEBSOCKET-PROTOCOL:\tmqtt \r\n\r\n";
  for (std::size_t length = 0; length < head.size(); ++length) {
    EXPECT_FALSE(read_head(head.substr(0, length)).value()) << length;
  }
  const auto read = read_head(head + "more").value();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, 101);
  EXPECT_EQ(read->reason, "Switching Protocols");
  EXPECT_EQ(read->size, head.size());
  EXPECT_TRUE(read->is_websocket);
  EXPECT_EQ(read->accept, "abc=");
  EXPECT_EQ(read->protocol, "mqtt");
  EXPECT_FALSE(read_head("HTTP/1.0 200\r\nUpgrade: websocket\r\n\r\n").value()->is_websocket);
}

TEST(HttpHead, NoEndAndNoHttpAreErrors) {
  for (const std::string& wrong : {"SSH-2.0-x\r\n"s, "HTTP/1.1 abc\r\n\r\n"s, "HTTP/1.1 99 x\r\n\r\n"s,
                                   "HTTP/1.1 200 OK\r\nX: " + std::string(k_head_max, 'x')}) {
    EXPECT_FALSE(read_head(wrong)) << wrong.substr(0, 40);
  }
}

TEST(Doors, BeginWith8883AndThenWithTheOneThatGotThroughOnThisNetwork) {
  Doors doors;
  EXPECT_EQ(doors.first(), Transport::Mqtt);
  EXPECT_EQ(Doors::other_than(doors.first()), Transport::WebSocket);
  doors.got_through(Transport::WebSocket);
  EXPECT_EQ(doors.first(), Transport::WebSocket);
  EXPECT_EQ(Doors::other_than(doors.first()), Transport::Mqtt);
  doors.network_changed();
  EXPECT_EQ(doors.first(), Transport::Mqtt);
}

TEST(Doors, OnlyTheNetworkShutsOne) {
  for (const Fault fault : {Fault::Unreachable, Fault::TimedOut}) EXPECT_TRUE(Doors::is_shut(fault));
  for (const Fault fault : {Fault::NameNotResolved, Fault::TlsRefused, Fault::BadConfiguration, Fault::Busy}) {
    EXPECT_FALSE(Doors::is_shut(fault) || Doors::is_answer(fault)) << core::name_of(fault);
  }
  for (const Fault fault :
       {Fault::HubUnavailable, Fault::HubBadCredentials, Fault::HubNotAuthorized, Fault::HubProtocol}) {
    EXPECT_TRUE(Doors::is_answer(fault) && !Doors::is_shut(fault)) << core::name_of(fault);
  }
}

}  // namespace
}  // namespace iotc_ha::hub
