#include "settings.hpp"

#include "setting.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace iotc_ha::config {
namespace {

/// How many letters must be changed, put in or left out to make one of the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view table_of(std::string_view key) { return key.substr(0, key.find('.')); }
std::string_view last_of(std::string_view key) { return key.substr(key.rfind('.') + 1); }  // npos + 1 is 0

const std::vector<Setting>& settings() {
  static const std::vector<Setting> k_settings = [] {
    std::vector<Setting> all;
    add_device_and_provisioning(all);
    add_hub(all);
    add_failover(all);
    add_spool(all);
    add_sample(all);
    add_log(all);
    return all;
  }();
  return k_settings;
}

std::string_view successor_of(std::string_view key) {
  return key == "failover.puback_timeout" ? std::string_view("failover.silent_after") : std::string_view();
}

bool is_known_table(std::string_view key) {
  return std::any_of(settings().begin(), settings().end(),
                     [&](const Setting& setting) { return table_of(setting.key) == key; });
}

std::string nearest_name(std::string_view key) {
  constexpr std::size_t k_key_bytes_max = 80;  // the search is quadratic, and no name of ours is near that long
  if (key.size() > k_key_bytes_max) return {};
  std::string_view best;
  std::size_t best_distance = 4;  // farther is another word
  const auto consider = [&](std::string_view candidate, std::size_t far) {
    // Half of a short word changed is another word, too.
    if (far < best_distance && 2 * far < last_of(candidate).size()) {
      best = candidate;
      best_distance = far;
    }
  };
  for (const Setting& setting : settings()) {
    consider(setting.key, distance(key, setting.key));
    consider(table_of(setting.key), distance(key, table_of(setting.key)));
    if (last_of(setting.key) == last_of(key)) consider(setting.key, 2);  // right name, wrong table
  }
  return std::string(best);
}

}  // namespace iotc_ha::config
