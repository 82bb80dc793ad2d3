#include <iotc_ha/courier/wire.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace iotc_ha::courier {
namespace {

using core::AttemptId;
using core::Fault;
using core::Registration;
using core::RegistrationNotice;
using nlohmann::json;

std::uint64_t number(AttemptId attempt) { return static_cast<std::uint64_t>(attempt); }
AttemptId attempt_of(const json& message) { return AttemptId{message.at("attempt").get<std::uint64_t>()}; }

/// What a server or a library has said may be in any character set.
std::string text(const json& message) { return message.dump(-1, ' ', false, json::error_handler_t::replace); }

json to_json(const Registration& registration) {
  return {{"host", registration.host},
          {"port", registration.port},
          {"id_scope", registration.id_scope},
          {"registration_id", registration.registration_id},
          {"model_id", registration.model_id},
          {"token", registration.token.reveal()},
          {"timeout_ms", registration.timeout.count()},
          {"early_poll", registration.early_poll},
          {"ca_file", registration.ca_file},
          {"proxy", registration.proxy}};
}

Registration registration_of(const json& message) {
  const json& from = message.at("registration");
  return {.host = from.at("host"),
          .port = from.at("port"),
          .id_scope = from.at("id_scope"),
          .registration_id = from.at("registration_id"),
          .model_id = from.at("model_id"),
          .token = core::Secret(from.at("token")),
          .timeout = std::chrono::milliseconds(from.at("timeout_ms").get<std::int64_t>()),
          .early_poll = from.at("early_poll"),
          .ca_file = from.at("ca_file"),
          .proxy = from.at("proxy")};
}

json to_json(const core::Error& error) {
  json all{{"fault", static_cast<std::uint8_t>(error.fault)}, {"what", error.what}};
  if (error.retry_after) all["retry_after_s"] = error.retry_after->count();
  return all;
}

core::Error error_of(const json& from) {
  const auto fault = from.at("fault").get<std::uint64_t>();
  // The last of the enum: both ends are of one build, so that numbers do.
  if (fault > static_cast<std::uint64_t>(Fault::Cancelled)) throw std::out_of_range("no such fault");
  core::Error error{static_cast<Fault>(fault), from.at("what"), {}};
  if (const auto wait = from.find("retry_after_s"); wait != from.end()) {
    error.retry_after = std::chrono::seconds(wait->get<std::int64_t>());
  }
  return error;
}

core::Registered registered_of(const json& message) {
  core::Registered end{attempt_of(message), {}, {}};
  if (const auto error = message.find("error"); error != message.end()) {
    end.assignment = tl::unexpected(error_of(*error));
  } else {
    end.assignment = core::Assignment{message.at("hub"), message.at("device_id")};
    end.substatus = message.at("substatus");
  }
  return end;
}

/// `read` of the message; json's exceptions, for a member that is not as it must be, end here. They name members and
/// kinds; what it says of a text that is no JSON would quote it, and there may be a token in it.
template <typename T, typename Read>
core::Result<T> read_as(std::string_view message, const Read& read) {
  std::string why = "of no kind that is known";
  try {
    const json parsed = json::parse(message, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_discarded()) throw std::invalid_argument("it is not JSON");
    if (std::optional<T> found = read(parsed, parsed.at("kind").template get<std::string>())) return *std::move(found);
  } catch (const std::exception& error) {
    why = error.what();
  }
  return core::fail(Fault::InvalidPayload, "a message between the daemon and iotc-ha-dps cannot be read: " + why);
}

}  // namespace

std::string to_message(const Command& command) {
  struct Visitor {
    json operator()(const command::Prepare& c) const {
      return {{"kind", "prepare"}, {"registration", to_json(c.whom)}};
    }
    json operator()(const command::Register& c) const {
      return {{"kind", "register"}, {"attempt", number(c.attempt)}, {"registration", to_json(c.registration)}};
    }
    json operator()(const command::Cancel& c) const { return {{"kind", "cancel"}, {"attempt", number(c.attempt)}}; }
  };
  return text(std::visit(Visitor{}, command));
}

std::string to_message(const RegistrationNotice& notice) {
  struct Visitor {
    json operator()(const core::RegistrationSent& n) const {
      return {{"kind", "sent"}, {"attempt", number(n.attempt)}};
    }
    json operator()(const core::PollThrottled& n) const {
      return {{"kind", "throttled"}, {"attempt", number(n.attempt)}};
    }
    json operator()(const core::Registered& n) const {
      json all{{"kind", "registered"}, {"attempt", number(n.attempt)}};
      if (n.assignment) {
        all.update({{"hub", n.assignment->hub}, {"device_id", n.assignment->device_id}, {"substatus", n.substatus}});
      } else {
        all["error"] = to_json(n.assignment.error());
      }
      return all;
    }
  };
  return text(std::visit(Visitor{}, notice));
}

core::Result<Command> read_command(std::string_view message) {
  return read_as<Command>(message, [](const json& parsed, const std::string& kind) -> std::optional<Command> {
    if (kind == "prepare") return command::Prepare{registration_of(parsed)};
    if (kind == "register") return command::Register{attempt_of(parsed), registration_of(parsed)};
    if (kind == "cancel") return command::Cancel{attempt_of(parsed)};
    return std::nullopt;
  });
}

core::Result<RegistrationNotice> read_notice(std::string_view message) {
  return read_as<RegistrationNotice>(
      message, [](const json& parsed, const std::string& kind) -> std::optional<RegistrationNotice> {
        if (kind == "sent") return core::RegistrationSent{attempt_of(parsed)};
        if (kind == "throttled") return core::PollThrottled{attempt_of(parsed)};
        if (kind == "registered") return registered_of(parsed);
        return std::nullopt;
      });
}

}  // namespace iotc_ha::courier
