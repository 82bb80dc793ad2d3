#include "narration.hpp"

#include <cstdint>
#include <string_view>

namespace iotc_ha::core {
namespace {

/// What may be behind a fault, for somebody who does not know the protocols. "" where its text says it all.
std::string_view behind(Fault fault) {
  switch (fault) {
    case Fault::TlsRefused: return "a proxy in between, a wrong clock, or a root certificate that is missing here";
    case Fault::HubUnavailable: return "the hub is failing over or overloaded, or the device was moved or disabled";
    case Fault::HubBadCredentials: return "the hub cannot read the user name or the token";
    case Fault::HubNotAuthorized: return "the device was moved, disabled or deleted, or its key is wrong";
    case Fault::HubProtocol: return "a fault in this program or in the hub";
    case Fault::DpsUnauthorized: return "the key is wrong, or the device is blocked";
    case Fault::ClockWrong: return "no token of ours is valid before it is set";
    case Fault::DpsForbidden: return "an IP filter, or public access is off";
    case Fault::DpsNotFound: return "DPS does not know this ID scope or enrolment";
    case Fault::DpsConflict: return "another registration of this device is under way";
    case Fault::DpsThrottled: return "too many questions are put to DPS at present";
    case Fault::DpsFailed: return "DPS gave the device no hub; it may wait for approval";
    case Fault::DpsDisabled: return "an operator has disabled the enrolment";
    case Fault::DpsProtocol: return "a fault in this program or in DPS";
    default: return "";
  }
}

}  // namespace

std::string spoken(std::chrono::microseconds duration) {
  using namespace std::chrono;
  if (duration < microseconds::zero()) duration = microseconds::zero();
  if (duration < seconds{10}) {
    const auto tenths = (duration + milliseconds{50}) / milliseconds{100};
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  }
  const auto two = [](std::int64_t many, const char* large, std::int64_t few, const char* small) {
    std::string text = std::to_string(many) + large;
    if (few != 0) text += " " + std::to_string(few) + small;
    return text;
  };
  const std::int64_t s = duration / seconds{1};
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3600) return two(s / 60, " min", s % 60, " s");
  if (s < 86'400) return two(s / 3600, " h", s % 3600 / 60, " min");
  return two(s / 86'400, " d", s % 86'400 / 3600, " h");
}

std::string spoken(const Error& error) {
  const std::string_view reason = behind(error.fault);
  std::string text = error.what + " (" + std::string{name_of(error.fault)};
  if (!reason.empty()) text += ": " + std::string{reason};
  return text + ")";
}

}  // namespace iotc_ha::core
