#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// The fields of an entry are ours; without this the library adds the file and line of this adapter to each.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <iotc_ha/runtime/journal.hpp>

#include <systemd/sd-journal.h>

#include <array>
#include <cstdlib>

namespace iotc_ha::runtime {
namespace {

constexpr std::array<std::string_view, 8> k_names = {"emerg",   "alert",  "crit", "err",
                                                     "warning", "notice", "info", "debug"};

/// spdlog has six levels, syslog eight: the neighbours share one.
spdlog::level::level_enum to_spdlog(Severity severity) {
  switch (severity) {
    case Severity::Emergency:
    case Severity::Alert:
    case Severity::Critical: return spdlog::level::critical;
    case Severity::Error: return spdlog::level::err;
    case Severity::Warning: return spdlog::level::warn;
    case Severity::Notice:
    case Severity::Info: return spdlog::level::info;
    case Severity::Debug: return spdlog::level::debug;
  }
  return spdlog::level::info;
}

/// Hands each line to journald with its fields. Only one thread logs, so the fields of the line being written can wait
/// here.
class JournalSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit JournalSink(const std::string& identifier) : identifier_("SYSLOG_IDENTIFIER=" + identifier) {}

  void next_line(Severity severity, const Journal::Fields& fields) {
    severity_ = severity;
    fields_ = &fields;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::vector<std::string> texts = {"MESSAGE=" + std::string{message.payload.data(), message.payload.size()},
                                      "PRIORITY=" + std::to_string(static_cast<int>(severity_)), identifier_};
    for (const auto& [name, value] : *fields_) (texts.emplace_back(name) += '=') += value;
    std::vector<iovec> entry;
    entry.reserve(texts.size());
    for (std::string& text : texts) entry.push_back({text.data(), text.size()});
    // A full or absent journal is no reason to stop, and there is no other place to complain to.
    static_cast<void>(sd_journal_sendv(entry.data(), static_cast<int>(entry.size())));
  }
  void flush_() override {}

 private:
  const std::string identifier_;
  Severity severity_ = Severity::Info;
  const Journal::Fields* fields_ = nullptr;
};

/// systemd puts device and inode of the journal's socket into $JOURNAL_STREAM; stderr may have been redirected since.
bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): before any thread exists
  struct stat now {};
  if (stream == nullptr || fstat(STDERR_FILENO, &now) != 0) return false;
  return std::to_string(now.st_dev) + ":" + std::to_string(now.st_ino) == stream;
}

}  // namespace

std::string_view name_of(Severity severity) noexcept { return k_names.at(static_cast<std::size_t>(severity)); }

std::optional<Severity> parse_severity(std::string_view name) noexcept {
  for (std::size_t i = 0; i < k_names.size(); ++i) {
    if (k_names[i] == name) return static_cast<Severity>(i);
  }
  if (name == "trace") return Severity::Debug;
  if (name == "warn") return Severity::Warning;
  if (name == "error") return Severity::Error;
  if (name == "critical") return Severity::Critical;
  if (name == "off") return Severity::Emergency;
  return std::nullopt;
}

struct Journal::Inside {
  std::shared_ptr<JournalSink> journal;
  std::shared_ptr<spdlog::sinks::stderr_color_sink_st> console;
  spdlog::logger logger;
  Severity level = Severity::Info;
  Target target;

  explicit Inside(const std::string& identifier)
      : journal(std::make_shared<JournalSink>(identifier)),
        console(std::make_shared<spdlog::sinks::stderr_color_sink_st>()),
        logger(identifier),
        target(stderr_is_the_journal() ? Target::Journal : Target::Console) {
    console->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    logger.set_level(spdlog::level::trace);  // our own level decides; see Journal::write
    logger.flush_on(spdlog::level::trace);
    choose();
  }
  void choose() {
    logger.sinks().assign(1, target == Target::Journal ? spdlog::sink_ptr{journal} : spdlog::sink_ptr{console});
  }
};

Journal::Journal(const std::string& identifier) : inside_(std::make_unique<Inside>(identifier)) {}
Journal::~Journal() = default;

void Journal::write(Severity severity, std::string_view text, const Fields& fields) {
  if (severity > inside_->level) return;
  inside_->journal->next_line(severity, fields);
  inside_->logger.log(to_spdlog(severity), spdlog::string_view_t{text.data(), text.size()});
}

Severity Journal::level() const { return inside_->level; }
void Journal::set_level(Severity severity) { inside_->level = severity; }
Journal::Target Journal::target() const { return inside_->target; }
void Journal::set_target(Target target) {
  inside_->target = target;
  inside_->choose();
}

}  // namespace iotc_ha::runtime
