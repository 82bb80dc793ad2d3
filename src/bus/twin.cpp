#include "twin.hpp"

#include "errors.hpp"
#include "names.hpp"
#include "text.hpp"

#include <utility>

namespace iotc_ha::bus {

Twin::Twin(sdbus::IConnection& connection, Claimers& claimers, const Requests& requests, const Broken& broken)
    : AdaptorInterfaces(connection, sdbus::ObjectPath{"/io/github/iotc_ha"}),
      claimers_(claimers),
      requests_(requests),
      reports_(std::make_shared<Pending<>>("Report", k_calls_max, broken)),
      claims_(std::make_shared<Pending<>>("Claim", k_calls_max, broken)),
      acknowledgements_(std::make_shared<Pending<>>("Acknowledge", k_calls_max, broken)) {
  registerAdaptor();
}

Twin::~Twin() { unregisterAdaptor(); }

void Twin::emit_desired_changed(const core::Caller& to, const std::string& patch_json, std::uint64_t version) {
  emit_to(getObject(), to, Twin1_adaptor::INTERFACE_NAME, "DesiredChanged", sendable(patch_json), version);
}

void Twin::emit_unacknowledged_changed() {
  getObject().emitPropertiesChangedSignal(Twin1_adaptor::INTERFACE_NAME, {PropertyName{"Unacknowledged"}});
}

void Twin::Report(sdbus::Result<>&& call, std::string json_merge_patch) {
  if (reports_->full()) return call.returnError(reports_->busy());
  requests_.report(std::move(json_merge_patch), later(reports_, std::move(call)));
}

std::string Twin::GetReported() { return sendable(requests_.reported()); }

std::tuple<std::string, std::uint64_t> Twin::GetDesired() {
  const Desired desired = requests_.desired();
  return {sendable(desired.json), desired.version};
}

void Twin::Claim(sdbus::Result<>&& call, std::vector<std::string> properties) {
  if (claims_->full()) return call.returnError(claims_->busy());
  if (const auto flaw = flaw_of_names("properties", properties)) return call.returnError(invalid_argument(*flaw));
  claimers_.claim(sender_of_call(getObject()), std::move(properties), requests_.claim_properties,
                  later(claims_, std::move(call)));
}

void Twin::Acknowledge(sdbus::Result<>&& call, std::string property, std::string json_value, std::int32_t code,
                       std::string description, std::uint64_t version) {
  if (acknowledgements_->full()) return call.returnError(acknowledgements_->busy());
  if (const auto flaw = flaw_of_name("property", property)) return call.returnError(invalid_argument(*flaw));
  if (code < k_code_min || code > k_code_max) {
    return call.returnError(invalid_argument("code must be " + std::to_string(k_code_min) + " to " +
                                             std::to_string(k_code_max) + ", not " + std::to_string(code)));
  }
  requests_.acknowledge(sender_of_call(getObject()),
                        {std::move(property), std::move(json_value), code, version, std::move(description)},
                        later(acknowledgements_, std::move(call)));
}

std::vector<std::string> Twin::Unacknowledged() {
  std::vector<std::string> names = requests_.unacknowledged();
  for (std::string& name : names) name = sendable(name);
  return names;
}

}  // namespace iotc_ha::bus
