// How frames of WebSocket are read and written, whatever comes.

#include "websocket.hpp"

#include "websocket_door.hpp"

#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::lizard {
namespace {

/// A frame of a client. `first` is its first byte: FIN, reserved bits, opcode.
std::string client_frame(unsigned char first, const std::string& payload) {
  const std::string mask("\x11\x22\x33\x44");
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80U | payload.size());
  } else if (payload.size() < 65536) {
    frame += static_cast<char>(0x80U | 126U);
    frame += static_cast<char>(payload.size() >> 8U);
    frame += static_cast<char>(payload.size() & 0xFFU);
  } else {
    frame += static_cast<char>(0x80U | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>((payload.size() >> shift) & 0xFFU);
  }
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

struct Outcome {
  std::string carried;
  std::string answers;
  bool open = true;
};

Outcome read(const std::string& bytes, std::size_t piece) {
  Outcome outcome;
  WebSocketReader reader;
  for (std::size_t at = 0; at < bytes.size() && outcome.open; at += piece) {
    outcome.open = reader.feed(std::string_view(bytes).substr(at, piece), outcome.carried, outcome.answers);
  }
  return outcome;
}

TEST(WebSocket, AcceptsAKeyAsTheExampleOfItsRfc) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocket, CarriesWhatIsInTheFramesHoweverTheyAreCut) {
  const std::string middle(200, 'm');
  const std::string large(70'000, 'l');
  const std::string bytes = client_frame(0x82, "one") + client_frame(0x02, middle) + client_frame(0x89, "hello?") +
                            client_frame(0x00, "") + client_frame(0x80, large);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, bytes.size()}) {
    const Outcome outcome = read(bytes, piece);
    EXPECT_EQ(outcome.carried, "one" + middle + large) << piece;
    EXPECT_EQ(outcome.answers, std::string("\x8A\x06") + "hello?") << piece;
    EXPECT_TRUE(outcome.open) << piece;
  }
}

TEST(WebSocket, AnswersACloseWithACloseAndReadsNothingBehindIt) {
  const Outcome outcome =
      read(client_frame(0x82, "last") + client_frame(0x88, "\x03\xE8") + client_frame(0x82, "too late"), 5);
  EXPECT_EQ(outcome.carried, "last");
  EXPECT_EQ(outcome.answers, websocket_close(1000));
  EXPECT_FALSE(outcome.open);
}

TEST(WebSocket, ClosesOnWhatTheProtocolDoesNotAllow) {
  const std::string unmasked("\x82\x01x");
  for (const std::string& bytes : {unmasked, client_frame(0xC2, "reserved bit"), client_frame(0x83, "opcode 3"),
                                   client_frame(0x09, "a ping in pieces"), client_frame(0x89, std::string(126, 'p'))}) {
    const Outcome outcome = read(bytes, bytes.size());
    EXPECT_FALSE(outcome.open);
    EXPECT_EQ(outcome.answers, websocket_close(1002));
    EXPECT_EQ(outcome.carried, "");
  }
  EXPECT_EQ(read(client_frame(0x81, "text"), 1).answers, websocket_close(1003)) << "MQTT is binary";
}

TEST(WebSocket, WritesLengthsInOneThreeOrNineBytes) {
  EXPECT_EQ(websocket_frame(WebSocketOpcode::Binary, "abc"),
            "\x82\x03"
            "abc");
  EXPECT_EQ(websocket_frame(WebSocketOpcode::Binary, std::string(126, 'x')).substr(0, 4),
            std::string("\x82\x7E\x00\x7E", 4));
  EXPECT_EQ(websocket_frame(WebSocketOpcode::Binary, std::string(65'536, 'x')).substr(0, 10),
            std::string("\x82\x7F\0\0\0\0\0\x01\0\0", 10));
}

TEST(WebSocketDoor, SaysWhatIsWrongWithARequest) {
  const WebSocketRequest good{.upgrade = "WebSocket", .version = "13", .key = "k", .protocols = "mqttv3.1, mqtt"};
  EXPECT_EQ(objection_to(good), "");
  WebSocketRequest bad = good;
  bad.upgrade = "h2c";
  EXPECT_NE(objection_to(bad).find("upgrade"), std::string::npos);
  bad = good;
  bad.version = "8";
  EXPECT_NE(objection_to(bad).find("Version"), std::string::npos);
  bad = good;
  bad.key = "";
  EXPECT_NE(objection_to(bad).find("Key"), std::string::npos);
  for (const std::string protocols : {"", "amqp", "mqttv3.1"}) {
    bad = good;
    bad.protocols = protocols;
    EXPECT_NE(objection_to(bad).find("Protocol"), std::string::npos) << protocols;
  }
}

}  // namespace
}  // namespace iotc_ha::lizard
