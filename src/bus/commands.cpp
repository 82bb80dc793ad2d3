#include "commands.hpp"

#include "errors.hpp"
#include "names.hpp"
#include "text.hpp"

#include <utility>

namespace iotc_ha::bus {

Commands::Commands(sdbus::IConnection& connection, Claimers& claimers, const Requests& requests, const Broken& broken)
    : AdaptorInterfaces(connection, sdbus::ObjectPath{"/io/github/iotc_ha"}),
      claimers_(claimers),
      requests_(requests),
      claims_(std::make_shared<Pending<>>("Claim", k_calls_max, broken)),
      completions_(std::make_shared<Pending<>>("Complete", k_calls_max, broken)) {
  registerAdaptor();
}

Commands::~Commands() { unregisterAdaptor(); }

void Commands::emit_invoked(const core::Caller& to, const core::Invocation& invocation) {
  emit_to(getObject(), to, Commands1_adaptor::INTERFACE_NAME, "Invoked", invocation.id, sendable(invocation.name),
          sendable(invocation.component), sendable(invocation.payload), invocation.durable);
}

void Commands::Claim(sdbus::Result<>&& call, std::vector<std::string> names) {
  if (claims_->full()) return call.returnError(claims_->busy());
  if (const auto flaw = flaw_of_names("names", names)) return call.returnError(invalid_argument(*flaw));
  claimers_.claim(sender_of_call(getObject()), std::move(names), requests_.claim_commands,
                  later(claims_, std::move(call)));
}

void Commands::Complete(sdbus::Result<>&& call, std::uint64_t id, std::int32_t status, std::string json_payload) {
  if (completions_->full()) return call.returnError(completions_->busy());
  if (status < 0) {
    return call.returnError(invalid_argument("status must be 0 or more, not " + std::to_string(status)));
  }
  requests_.complete(sender_of_call(getObject()), id, status, std::move(json_payload),
                     later(completions_, std::move(call)));
}

}  // namespace iotc_ha::bus
