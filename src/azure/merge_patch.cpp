#include "members.hpp"

#include <iotc_ha/azure/merge_patch.hpp>

#include <utility>

// What is inside of a text that was read is read again level by level, of which there are k_max_json_depth at most:
// that bounds the recursions below, and lets every value that nobody touches stay the text that it was.
namespace iotc_ha::azure {
namespace {

constexpr std::string_view k_null = "null";

/// The members of a value that is a part of what was read; none when it is there not, or no object.
Members members_in(const std::string* json) {
  return json != nullptr && is_object(*json) ? Members::of(*json).value() : Members{};
}

std::string applied(Members document, const Members& patch) {
  for (const std::string& name : patch.names()) {
    const std::string& change = *patch.find(name);
    if (change == k_null) {
      document.erase(name);
    } else if (is_object(change)) {
      document.set(name, applied(members_in(document.find(name)), members_in(&change)));
    } else {
      document.set(name, change);
    }
  }
  return document.text();
}

/// The patch that leaves of an object `there` nothing but what `patch` says.
std::string instead(const Members& there, Members patch) {
  for (const std::string& name : there.names()) {
    const std::string* const change = patch.find(name);
    if (change == nullptr) {
      patch.set(name, std::string(k_null));
    } else if (is_object(*change)) {
      patch.set(name, instead(members_in(there.find(name)), members_in(change)));
    }
  }
  return patch.text();
}

std::string joined(Members first, const Members& second, const Members& there) {
  for (const std::string& name : second.names()) {
    const std::string& change = *second.find(name);
    const std::string* const before = first.find(name);
    if (before == nullptr || !is_object(change)) {
      first.set(name, change);
    } else if (is_object(*before)) {
      first.set(name, joined(members_in(before), members_in(&change), members_in(there.find(name))));
    } else {
      first.set(name, instead(members_in(there.find(name)), members_in(&change)));
    }
  }
  return first.text();
}

Members missing(const Members& there, const Members& wanted) {
  Members patch;
  for (const std::string& name : wanted.names()) {
    const std::string& value = *wanted.find(name);
    const std::string* const present = there.find(name);
    if (value == k_null) {
      if (present != nullptr) patch.set(name, value);
    } else if (!is_object(value)) {
      if (present == nullptr || !is_same_json(*present, value)) patch.set(name, value);
    } else if (present == nullptr || !is_object(*present)) {
      patch.set(name, applied({}, members_in(&value)));
    } else if (const Members inner = missing(members_in(present), members_in(&value)); !inner.empty()) {
      patch.set(name, inner.text());
    }
  }
  return patch;
}

Members left_of(Members patch, const Members& refused) {
  for (const std::string& name : refused.names()) {
    const std::string* const wish = patch.find(name);
    if (wish == nullptr || name == k_component_mark) continue;
    const std::string& bad = *refused.find(name);
    if (!is_object(*wish) || !is_object(bad)) {
      if (is_same_json(*wish, bad)) patch.erase(name);
      continue;
    }
    const Members inner = left_of(members_in(wish), members_in(&bad));
    const std::vector<std::string> names = inner.names();
    if (names.empty() || names == std::vector<std::string>{std::string(k_component_mark)}) {
      patch.erase(name);
    } else {
      patch.set(name, inner.text());
    }
  }
  return patch;
}

core::Result<Members> read(std::string_view text, std::string_view what) {
  return Members::of(text).map_error([what](const core::Error& error) {
    return core::Error{error.fault, std::string(what) + ": " + error.what, {}};
  });
}

}  // namespace

core::Result<std::string> apply_patch(std::string_view document, std::string_view patch) {
  core::Result<Members> target = read(document, "the document");
  if (!target) return tl::unexpected(target.error());
  const core::Result<Members> changes = read(patch, "the patch");
  if (!changes) return tl::unexpected(changes.error());
  return applied(*std::move(target), *changes);
}

core::Result<std::string> join_patches(std::string_view first, std::string_view second, std::string_view there) {
  core::Result<Members> earlier = read(first, "the patch");
  if (!earlier) return tl::unexpected(earlier.error());
  const core::Result<Members> later = read(second, "the patch");
  if (!later) return tl::unexpected(later.error());
  const core::Result<Members> document = read(there, "the document");
  if (!document) return tl::unexpected(document.error());
  return joined(*std::move(earlier), *later, *document);
}

core::Result<std::optional<std::string>> patch_towards(std::string_view there, std::string_view wanted) {
  const core::Result<Members> document = read(there, "the document");
  if (!document) return tl::unexpected(document.error());
  const core::Result<Members> wishes = read(wanted, "the patch");
  if (!wishes) return tl::unexpected(wishes.error());
  const Members patch = missing(*document, *wishes);
  if (patch.empty()) return std::nullopt;
  return patch.text();
}

core::Result<std::string> without_patch(std::string_view patch, std::string_view refused) {
  core::Result<Members> wishes = read(patch, "the patch");
  if (!wishes) return tl::unexpected(wishes.error());
  const core::Result<Members> bad = read(refused, "the patch");
  if (!bad) return tl::unexpected(bad.error());
  return left_of(*std::move(wishes), *bad).text();
}

}  // namespace iotc_ha::azure
