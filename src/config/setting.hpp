#pragma once

#include "settings.hpp"
#include "values.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How the settings of a table are written down: each with the place of its value, `[](auto& c) -> auto& { return
/// c.hub.proxy; }`, which is read and written through the same words.
namespace iotc_ha::config {

template <typename T, typename U>
std::optional<std::string> store(Checked<T> checked, U& into) {
  if (!checked) return std::move(checked.error());
  into = *std::move(checked);
  return std::nullopt;
}

// How each kind of value stands in a file.
inline Value as_written(const std::string& text) { return text; }
inline Value as_written(const std::filesystem::path& path) { return path.string(); }
inline Value as_written(bool flag) { return flag; }
inline Value as_written(std::uint16_t number) { return std::int64_t{number}; }
inline Value as_written(std::uint32_t number) { return std::int64_t{number}; }
inline Value as_written(std::uint64_t bytes) { return size_text(bytes); }
inline Value as_written(std::chrono::milliseconds time) { return time_text(time); }

template <typename Check, typename Place>
Setting setting(std::string_view key, Check check, Place place, std::string_view meaning) {
  Setting made;
  made.key = key;
  made.meaning = meaning;
  made.take = [=](const Value& value, Draft& draft) { return store(check(value), place(draft.config)); };
  made.show = [=](const Draft& draft) { return as_written(place(draft.config)); };
  return made;
}

/// One word of a few. `changed`, if there is one, is called with the draft when a word was given.
template <typename Choice, typename Place>
Setting choice(std::string_view key, std::vector<std::pair<std::string_view, Choice>> words, Place place,
               std::string_view meaning, void (*changed)(Draft&) = nullptr) {
  Setting made;
  made.key = key;
  made.meaning = meaning;
  made.take = [=](const Value& value, Draft& draft) -> std::optional<std::string> {
    std::vector<std::string_view> known;
    known.reserve(words.size());
    for (const auto& [word, meant] : words) known.push_back(word);
    const auto given = one_of(value, known);
    if (!given) return given.error();
    for (const auto& [word, meant] : words) {
      if (word == *given) place(draft.config) = meant;
    }
    if (changed != nullptr) changed(draft);
    return std::nullopt;
  };
  made.show = [=](const Draft& draft) -> Value {
    for (const auto& [word, meant] : words) {
      if (place(draft.config) == meant) return std::string(word);
    }
    return std::string();
  };
  return made;
}

inline auto whole_seconds_within(std::chrono::seconds min, std::chrono::seconds max) {
  return [=](const Value& value) { return whole_seconds(value, min, max); };
}

inline auto within(std::chrono::milliseconds min, std::chrono::milliseconds max) {
  return [=](const Value& value) { return duration(value, min, max); };
}

// The tables, each in its own file.
void add_device_and_provisioning(std::vector<Setting>& all);
void add_hub(std::vector<Setting>& all);
void add_failover(std::vector<Setting>& all);
void add_spool(std::vector<Setting>& all);
void add_sample(std::vector<Setting>& all);
void add_log(std::vector<Setting>& all);

}  // namespace iotc_ha::config
