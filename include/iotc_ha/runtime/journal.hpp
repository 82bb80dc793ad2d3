#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iotc_ha::runtime {

/// syslog's severities, which the journal uses; LogControl1 names them likewise.
enum class Severity : int { Emergency, Alert, Critical, Error, Warning, Notice, Info, Debug };
[[nodiscard]] std::string_view name_of(Severity severity) noexcept;  ///< "emerg" … "debug"
/// Takes the names of syslog ("err", "warning" …) and those of the configuration ("error", "warn", "trace", "off" …).
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view name) noexcept;

/// The log of the process. Loop thread only, and main before it. Text only: a core::Secret does not convert to it.
class Journal {
 public:
  /// A journal field beside MESSAGE, e.g. {"IOTC_STATE", "Connected"}.
  using Fields = std::vector<std::pair<std::string, std::string>>;
  enum class Target { Journal, Console };

  /// To the systemd journal when stderr is connected to it (systemd says so in $JOURNAL_STREAM), else to stderr.
  explicit Journal(const std::string& identifier);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void write(Severity severity, std::string_view text, const Fields& fields = {});

  [[nodiscard]] Severity level() const;
  void set_level(Severity severity);  ///< nothing less severe than this is written
  [[nodiscard]] Target target() const;
  void set_target(Target target);

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace iotc_ha::runtime
