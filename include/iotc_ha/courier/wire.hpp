#pragma once

#include <iotc_ha/core/registration.hpp>

#include <string>
#include <string_view>
#include <variant>

/// What the daemon says to the process that asks DPS, and what it says back: as JSON, one message a packet. Pure.
namespace iotc_ha::courier {

/// As the calls of provisioning::Client, which they become.
namespace command {
struct Prepare {
  core::Registration whom;
};
struct Register {
  core::AttemptId attempt;
  core::Registration registration;
};
struct Cancel {
  core::AttemptId attempt;
};
}  // namespace command
using Command = std::variant<command::Prepare, command::Register, command::Cancel>;

/// With the token in it.
[[nodiscard]] std::string to_message(const Command& command);
[[nodiscard]] std::string to_message(const core::RegistrationNotice& notice);

/// InvalidPayload for what is no such message.
[[nodiscard]] core::Result<Command> read_command(std::string_view message);
[[nodiscard]] core::Result<core::RegistrationNotice> read_notice(std::string_view message);

}  // namespace iotc_ha::courier
