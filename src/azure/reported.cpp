#include "members.hpp"

#include <iotc_ha/azure/merge_patch.hpp>
#include <iotc_ha/azure/reported.hpp>

#include <utility>
#include <vector>

namespace iotc_ha::azure {
namespace {

using core::Fault;

/// What has passed our own checks can be read; a text that cannot is a broken invariant.
Members read(const std::string& text) { return Members::of(text).value(); }

std::string without(const std::string& document, const std::string& name) {
  Members members = read(document);
  members.erase(name);
  return members.text();
}

}  // namespace

Reported::Reported(const std::string& kept) {
  if (Members::of(kept)) wanted_ = kept;
}

core::Result<void> Reported::report(const std::string& patch) {
  if (auto good = check_reported(patch); !good) return good;
  auto wanted = join_patches(wanted_, patch, there());
  if (!wanted) return tl::unexpected(wanted.error());
  const std::string all = apply_patch(k_nothing, *wanted).value();
  if (all.size() > k_reported_size_max) {
    return core::fail(Fault::PayloadTooLarge, "all reported properties together would be " +
                                                  std::to_string(all.size()) + " bytes; a hub takes " +
                                                  std::to_string(k_reported_size_max));
  }
  // The marks of what was deleted are for a hub that we may come back to. They must not grow for ever.
  wanted_ = wanted->size() > 2 * k_reported_size_max ? all : *wanted;
  return report_passing(patch);
}

core::Result<void> Reported::report_passing(const std::string& patch) {
  if (!session_) return {};
  auto waiting = join_patches(waiting_, patch, there());
  if (!waiting) return tl::unexpected(waiting.error());
  waiting_ = std::move(*waiting);
  return {};
}

core::Result<void> Reported::replace(const std::string& deletion, const std::string& patch) {
  Reported next = *this;
  if (auto deleted = next.report(deletion); !deleted) return deleted;
  if (auto reported = next.report(patch); !reported) return reported;
  *this = std::move(next);
  return {};
}

core::Result<void> Reported::session_opened(const std::string& there) {
  session_ended();
  session_ = true;
  auto lacking = patch_towards(there, wanted_);
  if (!lacking) return tl::unexpected(lacking.error());
  there_ = there;
  waiting_ = std::move(*lacking).value_or(k_nothing);
  return {};
}

void Reported::session_ended() {
  session_ = false;
  one_by_one_ = false;
  waiting_ = k_nothing;
  under_way_.reset();
}

std::optional<std::string> Reported::next() {
  if (under_way_ || waiting_ == k_nothing) return std::nullopt;
  if (one_by_one_) {
    const Members all = read(waiting_);
    const std::string first = all.names().front();
    Members alone;
    alone.set(first, *all.find(first));
    under_way_ = alone.text();
    waiting_ = without(waiting_, first);
    if (waiting_ == k_nothing) one_by_one_ = false;
  } else {
    under_way_ = std::exchange(waiting_, k_nothing);
  }
  return under_way_;
}

void Reported::accepted() {
  if (!under_way_) return;
  there_ = there();
  under_way_.reset();
}

void Reported::postponed() {
  if (!under_way_) return;
  waiting_ = join_patches(*std::exchange(under_way_, std::nullopt), waiting_, there_).value();
}

std::optional<std::string> Reported::refused() {
  if (!under_way_) return std::nullopt;
  const std::vector<std::string> names = read(*under_way_).names();
  if (names.size() > 1) {
    postponed();
    one_by_one_ = true;
    return std::nullopt;
  }
  const std::string given_up = *std::exchange(under_way_, std::nullopt);
  if (names.empty()) return std::nullopt;
  // What was reported of it before and since is not what the hub has refused.
  wanted_ = without_patch(wanted_, given_up).value();
  return names.front();
}

std::string Reported::there() const { return under_way_ ? apply_patch(there_, *under_way_).value() : there_; }

std::string Reported::document() const { return apply_patch(there_, wanted_).value_or(k_nothing); }

}  // namespace iotc_ha::azure
