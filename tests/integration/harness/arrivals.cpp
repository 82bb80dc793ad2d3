#include "arrivals.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace iotc_ha::integration {
namespace {

/// Of `{"caller":2,"number":17}`.
std::uint64_t number_in(const std::string& text) { return std::stoull(text.substr(text.rfind(':') + 1)); }

}  // namespace

Arrivals::Arrivals(const std::vector<Received>& received, std::size_t late_max) {
  std::set<std::string> ids;
  std::uint64_t last_number = 0;
  std::uint64_t last_boot = 0;
  for (const Received& one : received) {
    const std::uint64_t number = std::stoull(one.properties.at("seq"));
    const std::uint64_t boot = std::stoull(one.properties.at("boot"));
    const auto [place, is_new] = by_number_.try_emplace(number, &one);
    if (!is_new) {
      ++repeats_;
      const Received& first = *place->second;
      EXPECT_EQ(one.mid, first.mid) << "message " << number << " came again under another id";
      EXPECT_EQ(one.body, first.body) << "message " << number << " came again with another text";
      EXPECT_EQ(one.properties, first.properties) << "message " << number << " came again with other properties";
      continue;
    }
    EXPECT_TRUE(ids.insert(one.mid).second) << "two messages have the id " << one.mid;
    if (number < last_number && late_max > 0) {
      --late_max;
      continue;
    }
    EXPECT_GT(number, last_number) << "in the order of first receipts; the hub was " << one.hub;
    EXPECT_GE(boot, last_boot) << "message " << number;
    last_number = number;
    last_boot = boot;
  }
}

void Arrivals::expect_no_gap() const {
  ASSERT_FALSE(by_number_.empty()) << "nothing has arrived";
  std::uint64_t expected = 1;
  for (const auto& [number, received] : by_number_) {
    ASSERT_EQ(number, expected) << "messages are missing before this one: " << received->body;
    ++expected;
  }
}

void Arrivals::expect(const std::vector<Accepted>& accepted) const {
  for (const Accepted& of_caller : accepted) {
    std::uint64_t last = 0;
    for (const auto& [number, text] : of_caller) {
      const auto found = by_number_.find(number);
      if (found == by_number_.end()) {
        ADD_FAILURE() << "message " << number << " was accepted and has not arrived: " << text;
        continue;
      }
      EXPECT_EQ(found->second->body, text) << "message " << number;
      EXPECT_GT(number_in(text), last) << "message " << number << " is not where its caller had put it: " << text;
      last = number_in(text);
    }
  }
}

}  // namespace iotc_ha::integration
