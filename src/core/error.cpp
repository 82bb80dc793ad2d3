#include <iotc_ha/core/error.hpp>

namespace iotc_ha::core {

std::string_view name_of(Fault fault) noexcept {
  switch (fault) {
    case Fault::NameNotResolved: return "NameNotResolved";
    case Fault::Unreachable: return "Unreachable";
    case Fault::TimedOut: return "TimedOut";
    case Fault::TlsRefused: return "TlsRefused";
    case Fault::ConnectionLost: return "ConnectionLost";
    case Fault::Silent: return "Silent";
    case Fault::HubUnavailable: return "HubUnavailable";
    case Fault::HubBadCredentials: return "HubBadCredentials";
    case Fault::HubNotAuthorized: return "HubNotAuthorized";
    case Fault::HubProtocol: return "HubProtocol";
    case Fault::DpsUnauthorized: return "DpsUnauthorized";
    case Fault::ClockWrong: return "ClockWrong";
    case Fault::DpsForbidden: return "DpsForbidden";
    case Fault::DpsNotFound: return "DpsNotFound";
    case Fault::DpsConflict: return "DpsConflict";
    case Fault::DpsThrottled: return "DpsThrottled";
    case Fault::DpsUnavailable: return "DpsUnavailable";
    case Fault::DpsFailed: return "DpsFailed";
    case Fault::DpsDisabled: return "DpsDisabled";
    case Fault::DpsProtocol: return "DpsProtocol";
    case Fault::BadConfiguration: return "BadConfiguration";
    case Fault::BadCredential: return "BadCredential";
    case Fault::StorageFailed: return "StorageFailed";
    case Fault::InvalidPayload: return "InvalidPayload";
    case Fault::PayloadTooLarge: return "PayloadTooLarge";
    case Fault::SpoolFull: return "SpoolFull";
    case Fault::MessagesDropped: return "MessagesDropped";
    case Fault::NotClaimed: return "NotClaimed";
    case Fault::NotConnected: return "NotConnected";
    case Fault::AlreadyCompleted: return "AlreadyCompleted";
    case Fault::Busy: return "Busy";
    case Fault::Cancelled: return "Cancelled";
  }
  return "Unknown";
}

}  // namespace iotc_ha::core
