#include "cloud.hpp"

#include <algorithm>
#include <numeric>

namespace iotc_ha::bench {
namespace {

double seconds_between(Instant from, Instant to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

bool RegistrationLimit::take(Instant now) {
  switch (counting_) {
    case Counting::Bucket: return take_token(now);
    case Counting::Minute: return take_of_this_minute(now);
    case Counting::Strict: return take_strictly(now);
  }
  return false;
}

bool RegistrationLimit::take_token(Instant now) {
  tokens_ = std::min<double>(per_minute_, tokens_ + seconds_between(filled_at_, now) * per_minute_ / 60);
  filled_at_ = now;
  if (tokens_ < 1) return false;
  --tokens_;
  return true;
}

bool RegistrationLimit::take_of_this_minute(Instant now) {
  const auto minute = std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count();
  if (minute != minute_) taken_ = 0;
  minute_ = minute;
  return taken_ < per_minute_ && ++taken_ > 0;
}

bool RegistrationLimit::take_strictly(Instant now) {
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  const auto slot = [](std::int64_t of) { return static_cast<std::size_t>(of % 60); };
  if (second - second_ >= 60) {
    asked_.fill(0);
    asked_sum_ = 0;
  } else {
    for (auto passed = second_ + 1; passed <= second; ++passed) {
      asked_sum_ -= asked_[slot(passed)];
      asked_[slot(passed)] = 0;
    }
  }
  second_ = second;
  ++asked_[slot(second)];
  return ++asked_sum_ <= per_minute_;
}

bool ConnectionLimit::take(Instant now) {
  tokens_ = std::min(per_second_, tokens_ + seconds_between(filled_at_, now) * per_second_);
  filled_at_ = now;
  if (tokens_ < 1) return false;
  --tokens_;
  return true;
}

}  // namespace iotc_ha::bench
