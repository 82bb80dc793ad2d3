#include "twin.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;

constexpr std::size_t k_document_bytes_max = 32UL * 1024;
constexpr std::size_t k_string_bytes_max = 4UL * 1024;
constexpr std::size_t k_key_bytes_max = 1024;
constexpr int k_depth_max = 10;
constexpr std::int64_t k_integer_max = std::int64_t{1} << 52;

/// What the hub would complain about, "" if nothing.
std::string fault_in(const json& value, int depth) {
  if (depth > k_depth_max) return "nested deeper than 10 levels";
  if (value.is_string() && value.get_ref<const std::string&>().size() > k_string_bytes_max) {
    return "a string is longer than 4 KiB";
  }
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(k_integer_max)) {
    return "an integer is larger than 2^52";
  }
  if (value.is_number_integer() && !value.is_number_unsigned() && value.get<std::int64_t>() < -k_integer_max) {
    return "an integer is smaller than -2^52";
  }
  if (value.is_array()) {
    for (const json& element : value) {
      if (std::string fault = fault_in(element, depth + 1); !fault.empty()) return fault;
    }
  }
  if (!value.is_object()) return "";
  for (const auto& [key, member] : value.items()) {
    const bool illegal = key.empty() || key.size() > k_key_bytes_max || std::ranges::any_of(key, [](char c) {
                           return c == '.' || c == '$' || c == ' ' || static_cast<unsigned char>(c) < 0x20;
                         });
    if (illegal) return "the key '" + key.substr(0, 64) + "' is not allowed in a twin";
    if (std::string fault = fault_in(member, depth + 1); !fault.empty()) return fault;
  }
  return "";
}

core::Result<json> read_patch(std::string_view text) {
  json patch = json::parse(text, nullptr, false);
  if (patch.is_discarded()) return core::fail(core::Fault::InvalidPayload, "the patch is not JSON");
  if (!patch.is_object()) return core::fail(core::Fault::InvalidPayload, "the patch is not a JSON object");
  if (std::string fault = fault_in(patch, 0); !fault.empty()) {
    return core::fail(core::Fault::InvalidPayload, std::move(fault));
  }
  return patch;
}

core::Result<json> merged(const std::string& document, const json& patch) {
  json changed = json::parse(document);
  changed.merge_patch(patch);
  if (changed.dump().size() > k_document_bytes_max) {
    return core::fail(core::Fault::PayloadTooLarge, "the document would be larger than 32 KiB");
  }
  return changed;
}

/// Notes what a patch has changed, and forgets what is not in the document any more.
void keep(PropertyChanges& changes, const json& patch, const json& document, const PropertyChange& change) {
  for (const auto& [name, value] : patch.items()) {
    const auto member = document.find(name);
    if (member != document.end() && is_component(*member)) {
      for (const auto& [inner, unused] : value.items()) changes[{name, inner}] = change;
    } else {
      changes[{"", name}] = change;
    }
  }
  std::erase_if(changes, [&document](const auto& entry) {
    const auto& [component, name] = entry.first;
    if (component.empty()) return !document.contains(name);
    const auto found = document.find(component);
    return found == document.end() || !is_component(*found) || !found->contains(name);
  });
}

}  // namespace

bool is_component(const json& value) { return value.is_object() && value.value("__t", json()) == "c"; }

std::string Twin::document() const {
  json desired = json::parse(desired_);
  json reported = json::parse(reported_);
  desired["$version"] = desired_version_;
  reported["$version"] = reported_version_;
  return json{{"desired", std::move(desired)}, {"reported", std::move(reported)}}.dump();
}

core::Result<std::string> Twin::patch_desired(std::string_view patch, core::WallTime now) {
  auto read = read_patch(patch);
  if (!read) return tl::unexpected(read.error());
  const auto changed = merged(desired_, *read);
  if (!changed) return tl::unexpected(changed.error());
  desired_ = changed->dump();
  keep(desired_changes_, *read, *changed, {.when = now, .version = ++desired_version_});
  (*read)["$version"] = desired_version_;
  return read->dump();
}

core::Result<std::uint64_t> Twin::patch_reported(std::string_view patch, core::WallTime now) {
  const auto read = read_patch(patch);
  if (!read) return tl::unexpected(read.error());
  const auto changed = merged(reported_, *read);
  if (!changed) return tl::unexpected(changed.error());
  reported_ = changed->dump();
  keep(reported_changes_, *read, *changed, {.when = now, .version = ++reported_version_});
  return reported_version_;
}

}  // namespace iotc_ha::lizard
