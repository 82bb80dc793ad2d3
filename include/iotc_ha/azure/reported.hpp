#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace iotc_ha::azure {

/// The reported properties: what this device wants every hub to say of it, and what the hub of the open session has yet
/// to be told. One patch is under way at a time; whatever is reported meanwhile becomes one patch with what waits, so
/// that few patches reach the hub. Pure.
class Reported {
 public:
  /// `kept`: text() of the life before; "": there was none. What cannot be read begins anew.
  explicit Reported(const std::string& kept = "");

  /// A merge patch of a program. Errors InvalidPayload and PayloadTooLarge (all together more than a hub takes): then
  /// nothing has changed.
  core::Result<void> report(const std::string& patch);
  /// Likewise, for an object that takes the place of another as a whole: `deletion` names that one.
  core::Result<void> replace(const std::string& deletion, const std::string& patch);
  /// For this session only, and not kept: what is told anew every few seconds. Nothing without a session.
  core::Result<void> report_passing(const std::string& patch);

  /// What this hub lacks, or has otherwise, waits now. `there`: its reported properties.
  core::Result<void> session_opened(const std::string& there);
  void session_ended();

  /// The next patch to send, which is under way then; nothing when there is none, or one is under way.
  std::optional<std::string> next();
  void accepted();   ///< the hub has taken what was under way
  void postponed();  ///< it has not, and may later: it waits again, joined with what came after
  /// It never will. Of several properties each is tried by itself; one that was alone is given up, and its name
  /// answered.
  std::optional<std::string> refused();

  [[nodiscard]] bool idle() const { return !under_way_ && waiting_ == k_nothing; }
  [[nodiscard]] const std::string& text() const { return wanted_; }  ///< what is to be kept on disk
  /// The properties as a hub shows them when it has been told everything, with what it has from elsewhere.
  [[nodiscard]] std::string document() const;

 private:
  static constexpr const char* k_nothing = "{}";

  [[nodiscard]] std::string there() const;  ///< what the hub has when it takes what is under way

  std::string wanted_ = k_nothing;   ///< a patch: a null says that the property is not there
  std::string there_ = k_nothing;    ///< what the last hub has
  std::string waiting_ = k_nothing;  ///< what the hub has not been told; only with a session
  std::optional<std::string> under_way_;
  bool session_ = false;
  bool one_by_one_ = false;
};

}  // namespace iotc_ha::azure
