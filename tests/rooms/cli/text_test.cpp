#include "text.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::cli {
namespace {

using namespace std::chrono_literals;

core::WallTime at(std::int64_t microseconds) { return core::WallTime{std::chrono::microseconds{microseconds}}; }

TEST(CliText, AMomentIsRfc3339OrMicrosecondsSince1970) {
  EXPECT_EQ(read_moment("2023-11-14T22:13:20Z"), at(1'700'000'000'000'000));
  EXPECT_EQ(read_moment("2023-11-14 22:13:20z"), at(1'700'000'000'000'000));
  EXPECT_EQ(read_moment("2023-11-14T22:13:20.000001Z"), at(1'700'000'000'000'001));
  EXPECT_EQ(read_moment("2023-11-14T22:13:20.0000019Z"), at(1'700'000'000'000'001)) << "beyond microseconds";
  EXPECT_EQ(read_moment("2023-11-14t23:43:20.5+01:30"), at(1'700'000'000'500'000));
  EXPECT_EQ(read_moment("2023-11-14T20:13:20-02:00"), at(1'700'000'000'000'000));
  EXPECT_EQ(read_moment("2024-02-29T00:00:00Z"), at(1'709'164'800'000'000)) << "a leap day";
  EXPECT_EQ(read_moment("2016-12-31T23:59:60Z"), at(1'483'228'800'000'000)) << "a leap second";
  EXPECT_EQ(read_moment("9999-12-31T23:59:59.999999Z"), at(253'402'300'799'999'999));
  EXPECT_EQ(read_moment("1700000000000001"), at(1'700'000'000'000'001));
}

TEST(CliText, WhatIsNoMomentIsNotTakenForOne) {
  for (const char* text : {"",
                           "now",
                           "0",
                           "-1",
                           "253402300800000000",
                           "1.5",
                           "2023-11-14",
                           "2023-11-14T22:13:20",
                           "2023-11-14T22:13Z",
                           "2023-02-29T00:00:00Z",
                           "2023-13-01T00:00:00Z",
                           "2023-00-01T00:00:00Z",
                           "2023-01-01T24:00:00Z",
                           "2023-01-01T00:60:00Z",
                           "2023-01-01T00:00:61Z",
                           "2023-01-01T00:00:00.Z",
                           "2023-01-01T00:00:00+24:00",
                           "2023-01-01T00:00:00+0100",
                           "2023-01-01T00:00:00Z ",
                           " 2023-01-01T00:00:00Z",
                           "2023-1-1T00:00:00Z",
                           "+023-01-01T00:00:00Z",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00Z",
                           "9999-12-31T23:59:59-00:01"}) {
    EXPECT_FALSE(read_moment(text)) << text;
  }
}

TEST(CliText, DurationsAndSizesAreForPeople) {
  EXPECT_EQ(show_duration(0us), "0 ms");
  EXPECT_EQ(show_duration(340'999us), "340 ms");
  EXPECT_EQ(show_duration(2'399ms), "2.3 s");
  EXPECT_EQ(show_duration(59'999ms), "59 s");
  EXPECT_EQ(show_duration(3min + 12s), "3 min 12 s");
  EXPECT_EQ(show_duration(5h + 3min + 59s), "5 h 3 min");
  EXPECT_EQ(show_duration(24h * 12 + 5h), "12 d 5 h");
  EXPECT_EQ(show_bytes(0), "0 B");
  EXPECT_EQ(show_bytes(1'023), "1023 B");
  EXPECT_EQ(show_bytes(1'536), "1.5 KiB");
  EXPECT_EQ(show_bytes(256ULL << 20U), "256 MiB");
  EXPECT_EQ(show_bytes(UINT64_MAX), "16 EiB");
}

TEST(CliText, DBusCarriesUtf8WithoutNulAndNoncharacters) {
  for (const std::string text : {"", "plain", "caf\u00E9 \u20AC \U0001F98E", "\uFDCF\uFDF0\uFFFD", "\U0001FFFD"}) {
    EXPECT_TRUE(fits_d_bus(text)) << text;
  }
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("\xff"), std::string("\xEF\xB7\x90"), std::string("\xEF\xB7\xAF"),
        std::string("x\xEF\xBF\xBE"), std::string("\xEF\xBF\xBF"), std::string("\xF0\x9F\xBF\xBE"),
        std::string("\xF4\x8F\xBF\xBF")}) {
    EXPECT_FALSE(fits_d_bus(text)) << text;
  }
}

}  // namespace
}  // namespace iotc_ha::cli
