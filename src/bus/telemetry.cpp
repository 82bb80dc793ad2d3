#include "telemetry.hpp"

#include "errors.hpp"
#include "microseconds.hpp"
#include "options.hpp"
#include "text.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::bus {
namespace {

std::map<std::string, std::uint64_t> as_dictionary(const core::Account& life) {
  return {
      {"boot", life.boot},
      {"started", microseconds(life.started)},
      {"accepted", life.accepted},
      {"delivered", life.delivered},
      {"queued", life.queued},
      {"dropped_full", life.dropped_full},
      {"dropped_expired", life.dropped_expired},
      {"dropped_damaged", life.dropped_damaged},
      {"quarantined", life.quarantined},
      {"replayed", life.replayed},
      {"lives", life.lives},
  };
}

}  // namespace

std::vector<PropertyName> differences(const core::SpoolFigures& before, const core::SpoolFigures& after) {
  std::vector<PropertyName> names;
  const auto compare = [&](const char* name, const auto& old_value, const auto& new_value) {
    if (!(old_value == new_value)) names.emplace_back(name);
  };
  compare("Queued", before.queued, after.queued);
  compare("QueuedBytes", before.queued_bytes, after.queued_bytes);
  compare("OldestQueued", before.oldest_queued, after.oldest_queued);
  compare("Accepted", before.accepted, after.accepted);
  compare("Delivered", before.delivered, after.delivered);
  compare("Dropped", before.dropped, after.dropped);
  compare("Quarantined", before.quarantined, after.quarantined);
  compare("Capacity", before.capacity, after.capacity);
  compare("BytesWritten", before.bytes_written, after.bytes_written);
  return names;
}

Telemetry::Telemetry(sdbus::IConnection& connection, const runtime::Loop& loop, const Requests& requests,
                     const Broken& broken)
    : AdaptorInterfaces(connection, sdbus::ObjectPath{"/io/github/iotc_ha"}),
      loop_(loop),
      requests_(requests),
      submits_(std::make_shared<Pending<std::uint64_t>>("Submit", k_submits_max, broken)),
      many_submits_(std::make_shared<Pending<std::uint64_t, std::uint64_t>>("SubmitMany", k_submits_max, broken)),
      flushes_(std::make_shared<Pending<>>("Flush", k_questions_max, broken)),
      accounts_(std::make_shared<Pending<Lives>>("GetAccount", k_questions_max, broken)) {
  registerAdaptor();
}

Telemetry::~Telemetry() { unregisterAdaptor(); }

void Telemetry::emit_changes(const std::vector<PropertyName>& names) {
  getObject().emitPropertiesChangedSignal(Telemetry1_adaptor::INTERFACE_NAME, names);
}

void Telemetry::emit_dropped(const core::Dropped& dropped) {
  emitMessagesDropped(dropped.first, dropped.last, std::string(core::name_of(dropped.reason)));
}

void Telemetry::Submit(sdbus::Result<std::uint64_t>&& call, std::string json, Options options) {
  if (submits_->full()) return call.returnError(submits_->busy());
  auto message = read_options(options, loop_.wall_now());
  if (!message) return call.returnError(invalid_argument(message.error()));
  message->body = std::move(json);
  std::vector<core::Submission> messages;
  messages.push_back(std::move(*message));
  requests_.submit(std::move(messages),
                   later<core::Sequences>(submits_, std::move(call), [](const auto& waiting, const auto& numbers) {
                     waiting.returnResults(numbers->last);
                   }));
}

void Telemetry::SubmitMany(sdbus::Result<std::uint64_t, std::uint64_t>&& call, std::vector<std::string> json,
                           Options options) {
  if (many_submits_->full()) return call.returnError(many_submits_->busy());
  if (json.empty() || json.size() > k_messages_max) {
    return call.returnError(invalid_argument("json must hold 1 to " + std::to_string(k_messages_max) +
                                             " messages, not " + std::to_string(json.size())));
  }
  const auto message = read_options(options, loop_.wall_now());
  if (!message) return call.returnError(invalid_argument(message.error()));
  if (!message->message_id.empty() && json.size() > 1) {
    return call.returnError(
        invalid_argument("option \"message_id\" is for one message, not for " + std::to_string(json.size())));
  }
  std::vector<core::Submission> messages(json.size(), *message);
  for (std::size_t i = 0; i < json.size(); ++i) messages[i].body = std::move(json[i]);
  requests_.submit(std::move(messages),
                   later<core::Sequences>(many_submits_, std::move(call), [](const auto& waiting, const auto& numbers) {
                     waiting.returnResults(numbers->first, numbers->last);
                   }));
}

void Telemetry::Flush(sdbus::Result<>&& call, std::uint64_t sequence, std::uint64_t timeout) {
  if (flushes_->full()) return call.returnError(flushes_->busy());
  constexpr std::chrono::microseconds k_most{k_flush_max};
  const std::chrono::microseconds limit{std::min(timeout, static_cast<std::uint64_t>(k_most.count()))};
  requests_.flush(sequence, limit, later(flushes_, std::move(call)));
}

void Telemetry::GetAccount(sdbus::Result<Lives>&& call) {
  if (accounts_->full()) return call.returnError(accounts_->busy());
  requests_.accounts(
      later<std::vector<core::Account>>(accounts_, std::move(call), [](const auto& waiting, const auto& accounts) {
        Lives lives;
        for (const core::Account& life : *accounts) {
          lives.push_back(as_dictionary(life));
        }
        waiting.returnResults(lives);
      }));
}

std::uint64_t Telemetry::OldestQueued() { return microseconds(requests_.figures().oldest_queued); }
std::uint32_t Telemetry::MessageSizeMax() { return static_cast<std::uint32_t>(azure::k_message_size_max); }

}  // namespace iotc_ha::bus
