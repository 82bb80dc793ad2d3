#include "reading.hpp"

#include "values.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace iotc_ha::config {
namespace {

bool is_empty_text(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && text->empty();
}

/// One run over all sources. Collects faults as it goes.
class Reader {
 public:
  explicit Reader(const Sources& sources) : sources_(sources) {}

  Reading run() {
    read(sources_.file);
    for (const auto& drop_in : drop_ins()) read(drop_in);
    if (sources_.credentials_directory) read_credentials(*sources_.credentials_directory);
    take_values();
    // What is missing can only be told when everything was read.
    if (all_read_) {
      check_required();
      choose_attestation();
    }
    check_orders();
    std::stable_sort(faults_.begin(), faults_.end(), [this](const Fault& a, const Fault& b) {
      return std::pair(place_of(a.file), a.line) < std::pair(place_of(b.file), b.line);
    });
    return {std::move(draft_), std::move(in_force_), std::move(not_taken_), std::move(faults_)};
  }

 private:
  std::size_t place_of(const std::string& file) const {
    return static_cast<std::size_t>(std::find(files_.begin(), files_.end(), file) - files_.begin());
  }

  std::vector<std::filesystem::path> drop_ins() {
    std::filesystem::path directory = sources_.file;
    directory += ".d";
    std::vector<std::filesystem::path> found;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == ".conf") found.push_back(entry->path());
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      files_.push_back(directory.string());
      faults_.push_back({directory.string(), 0, "", "cannot be read: " + error.message()});
      all_read_ = false;
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  void read(const std::filesystem::path& file) {
    files_.push_back(file.string());
    auto document = read_document(file);
    if (!document) {
      faults_.push_back(std::move(document.error()));
      all_read_ = false;
      return;
    }
    check_names(*document);
    check_permissions(*document);
    for (Entry& entry : document->entries) {
      in_force_.insert_or_assign(std::move(entry.key), InForce{document->file, entry.line, std::move(entry.value)});
    }
  }

  void check_names(const Document& document) {
    std::string skipped;  // the table or value whose members have been judged with it
    for (const Entry& entry : document.entries) {
      if (!skipped.empty() && entry.key.compare(0, skipped.size(), skipped) == 0) continue;
      const auto* other = std::get_if<OtherKind>(&entry.value);
      const bool table = other != nullptr && other->name == k_table_kind;
      if (is_known_table(entry.key)) {
        if (!table) faults_.push_back({document.file, entry.line, entry.key, "expected a table, [" + entry.key + ']'});
        continue;
      }
      if (table) skipped = entry.key + '.';
      if (is_known_key(entry.key)) continue;
      if (const std::string_view successor = successor_of(entry.key); !successor.empty()) {
        faults_.push_back({document.file, entry.line, entry.key,
                           "is no longer there: " + std::string(successor) + " has taken its place"});
        continue;
      }
      std::string message = table ? "unknown table" : "unknown key";
      const std::string nearest = nearest_name(entry.key);
      if (!nearest.empty()) message += "; is " + (is_known_table(nearest) ? '[' + nearest + ']' : nearest) + " meant?";
      faults_.push_back({document.file, entry.line, entry.key, std::move(message)});
    }
  }

  static bool is_known_key(std::string_view key) {
    return std::any_of(settings().begin(), settings().end(), [&](const Setting& each) { return each.key == key; });
  }

  void check_permissions(const Document& document) {
    constexpr unsigned k_others = 07;
    if ((document.permissions & k_others) == 0) return;
    for (const Setting& setting : settings()) {
      if (!setting.masked) continue;
      for (const Entry& entry : document.entries) {
        if (entry.key != setting.key || !setting.masked(entry.value)) continue;
        std::array<char, 8> mode{};
        std::snprintf(mode.data(), mode.size(), "%04o", document.permissions & 07777U);
        faults_.push_back({document.file, entry.line, entry.key,
                           "this file holds a " + std::string(setting.is_key ? "key" : "password") +
                               ", and others than its owner and group can open it (mode " + std::string(mode.data()) +
                               "): chmod 0640 " + document.file});
      }
    }
  }

  void read_credentials(const std::filesystem::path& directory) {
    for (const Setting& setting : settings()) {
      if (!setting.is_key) continue;
      const auto file = directory / last_of(setting.key);
      std::error_code error;
      if (!std::filesystem::exists(file, error) && !error) continue;
      files_.push_back(file.string());
      auto text = read_text(file);
      const std::string key(setting.key);
      if (!text) {
        faults_.push_back({file.string(), 0, key, std::move(text.error())});
        all_read_ = false;
        continue;
      }
      text->erase(text->find_last_not_of("\r\n") + 1);
      if (text->empty()) {
        faults_.push_back({file.string(), 0, key, "expected a key, but this credential is empty"});
        all_read_ = false;
        continue;
      }
      in_force_.insert_or_assign(key, InForce{file.string(), 0, *std::move(text)});
    }
  }

  void take_values() {
    for (const Setting& setting : settings()) {
      const auto found = in_force_.find(setting.key);
      if (found == in_force_.end() || (!setting.to_fill_in.empty() && is_empty_text(found->second.value))) continue;
      auto complaint = setting.take(found->second.value, draft_);
      if (!complaint) continue;
      report(setting.key, *std::move(complaint));
      not_taken_.insert(setting.key);
    }
  }

  void check_required() {
    for (const Setting& setting : settings()) {
      if (setting.to_fill_in.empty() || is_given(setting.key)) continue;
      report(setting.key, "not filled in yet: put in " + std::string(setting.to_fill_in));
    }
  }

  void choose_attestation() {
    constexpr std::string_view k_group = "provisioning.group_symmetric_key";
    constexpr std::string_view k_own = "provisioning.symmetric_key";
    if (is_given(k_group) && is_given(k_own)) {
      report(k_own, "expected either this or group_symmetric_key, but both are given");
    } else if (is_given(k_group)) {
      draft_.config.provisioning.attestation = GroupKey{std::move(draft_.group_symmetric_key)};
    } else if (is_given(k_own)) {
      draft_.config.provisioning.attestation = DeviceKey{std::move(draft_.symmetric_key)};
    } else {
      report(k_group,
             "not filled in yet: put in the key of the enrolment group (IoT Central: Permissions, Device connection "
             "groups, "
             "SAS-IoT-Devices; DPS: Manage enrollments), or symmetric_key for a device enrolled by itself");
    }
  }

  void check_orders() {
    if (not_taken_.count("failover.profile") != 0) return;  // nobody knows then what the defaults are
    const core::Policy& policy = draft_.config.failover;
    check_order("failover.backoff_base", policy.backoff_base, "failover.backoff_max", policy.backoff_max);
    check_order("failover.dps_backoff_base", policy.dps_backoff_base, "failover.dps_backoff_max",
                policy.dps_backoff_max);
    check_order("failover.same_hub_wait", policy.same_hub_wait, "failover.same_hub_wait_max", policy.same_hub_wait_max);
    check_order("failover.halted_wait", policy.halted_wait, "failover.halted_wait_max", policy.halted_wait_max);
    // Suspected first, dead later: otherwise the hub would never be probed.
    if (policy.suspect_after >= policy.silent_after) {
      report_order("failover.suspect_after", policy.suspect_after, "to be shorter than", "failover.silent_after",
                   policy.silent_after);
    }
  }

  void check_order(std::string_view low_key, std::chrono::milliseconds low, std::string_view high_key,
                   std::chrono::milliseconds high) {
    if (low > high) report_order(low_key, low, "not to be longer than", high_key, high);
  }

  void report_order(std::string_view low_key, std::chrono::milliseconds low, std::string_view relation,
                    std::string_view high_key, std::chrono::milliseconds high) {
    if (not_taken_.count(low_key) != 0 || not_taken_.count(high_key) != 0) return;
    const std::string_view written = in_force_.find(low_key) != in_force_.end() ? low_key : high_key;
    report(written, "expected " + std::string(last_of(low_key)) + " (" + time_text(low) + ") " + std::string(relation) +
                        ' ' + std::string(last_of(high_key)) + " (" + time_text(high) + ')');
  }

  bool is_given(std::string_view key) const {
    const auto found = in_force_.find(key);
    return found != in_force_.end() && !is_empty_text(found->second.value);
  }

  /// At the line where the key is in force, or at the main file when it is nowhere.
  void report(std::string_view key, std::string expected) {
    const auto found = in_force_.find(key);
    const bool written = found != in_force_.end();
    faults_.push_back({written ? found->second.file : sources_.file.string(), written ? found->second.line : 0,
                       std::string(key), std::move(expected)});
  }

  const Sources& sources_;
  Draft draft_ = defaults();
  std::vector<std::string> files_;
  InForceByKey in_force_;
  std::set<std::string_view> not_taken_;  // keys whose value is a fault already
  std::vector<Fault> faults_;
  bool all_read_ = true;

  static Draft defaults() {
    Draft draft;
    draft.config.device.model_id = "dtmi:Sample:Failover;1";
    draft.config.provisioning.host = "global.azure-devices-provisioning.net";
    return draft;
  }
};

}  // namespace

Reading read(const Sources& sources) { return Reader(sources).run(); }

}  // namespace iotc_ha::config
