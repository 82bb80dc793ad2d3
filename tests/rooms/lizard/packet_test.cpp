// How the plugin cuts streams of bytes: MQTT packets between mosquitto and OpenSSL, frames between it and the cloud.

#include "hub_tap.hpp"
#include "link.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace iotc_ha::lizard {
namespace {

std::vector<std::pair<int, std::string>> scanned(const std::string& bytes, std::size_t piece, std::size_t keep) {
  std::vector<std::pair<int, std::string>> packets;
  tap::PacketScanner scanner(keep);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    scanner.feed(reinterpret_cast<const unsigned char*>(bytes.data()) + at, std::min(piece, bytes.size() - at),
                 [&](unsigned char header, const std::string& first) { packets.emplace_back(header, first); });
  }
  return packets;
}

TEST(PacketScanner, FindsThePacketsHoweverTheyAreCut) {
  const std::string long_body(300, 'x');
  const std::string bytes = std::string("\x40\x02\x00\x07", 4) + std::string("\xC0\x00", 2) +
                            std::string("\x32\xAC\x02", 3) + long_body + std::string("\xE0\x00", 2);
  const std::vector<std::pair<int, std::string>> expected{
      {0x40, std::string("\x00\x07", 2)}, {0xC0, ""}, {0x32, "xxxx"}, {0xE0, ""}};
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}}) {
    EXPECT_EQ(scanned(bytes, piece, 4), expected) << piece;
  }
}

TEST(Link, FramesComeOutAsTheyWentInHoweverTheyAreCut) {
  const Frame sent{.kind = FrameKind::Publish,
                   .number = 1,
                   .flag = true,
                   .connection = 0x1234567890ABCDEF,
                   .name = "d1",
                   .topic = std::string(70'000, 't'),
                   .body = std::string("\0b", 2)};
  const std::string bytes = encode(sent) + encode({.kind = FrameKind::Ready});
  FrameReader reader;
  std::vector<Frame> frames;
  for (std::size_t at = 0; at < bytes.size(); at += 999) {
    reader.append(bytes.data() + at, std::min<std::size_t>(999, bytes.size() - at));
    while (auto frame = reader.next()) frames.push_back(*frame);
  }
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].connection, sent.connection);
  EXPECT_EQ(frames[0].topic, sent.topic);
  EXPECT_EQ(frames[0].body, sent.body);
  EXPECT_TRUE(frames[0].flag);
  EXPECT_EQ(frames[1].kind, FrameKind::Ready);
}

TEST(Link, AnUnreadableStreamIsSaidToBeBroken) {
  for (const std::string& bytes : {std::string("\xFF\xFF\xFF\xFF", 4), std::string("\x02\x00\x00\x00zz", 6)}) {
    FrameReader reader;
    reader.append(bytes.data(), bytes.size());
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.broken());
  }
}

}  // namespace
}  // namespace iotc_ha::lizard
