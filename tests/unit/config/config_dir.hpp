#pragma once

#include <iotc_ha/config/config.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::config {

/// A directory with a configuration, gone with the test. The file is private (0600) unless the test says otherwise.
class ConfigDir {
 public:
  ConfigDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "iotc-ha-config-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    root_ = pattern;
  }
  ~ConfigDir() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  ConfigDir(const ConfigDir&) = delete;
  ConfigDir& operator=(const ConfigDir&) = delete;

  std::filesystem::path write(const std::string& name, std::string_view content, mode_t mode = 0600) const {
    const auto path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    if (chmod(path.c_str(), mode) != 0) throw std::runtime_error("chmod " + path.string());
    return path;
  }
  void main(std::string_view content, mode_t mode = 0600) const { write("iotc-ha.conf", content, mode); }
  void drop_in(const std::string& name, std::string_view content, mode_t mode = 0600) const {
    write("iotc-ha.conf.d/" + name, content, mode);
  }
  void credential(const std::string& name, std::string_view content) { write("credentials/" + name, content); }

  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return root_ / name; }

  [[nodiscard]] Sources sources() const {
    Sources sources{root_ / "iotc-ha.conf", {}};
    if (std::filesystem::exists(root_ / "credentials")) sources.credentials_directory = root_ / "credentials";
    return sources;
  }
  [[nodiscard]] tl::expected<Config, std::vector<Fault>> load() const { return config::load(sources()); }

  /// Every fault as it is shown, without the directory in front. Empty when the configuration is good.
  [[nodiscard]] std::vector<std::string> faults() const {
    const auto loaded = load();
    std::vector<std::string> lines;
    if (loaded) return lines;
    for (const Fault& fault : loaded.error()) {
      std::string line = to_string(fault);
      const std::string front = root_.string() + '/';
      for (auto at = line.find(front); at != std::string::npos; at = line.find(front)) line.erase(at, front.size());
      lines.push_back(line);
    }
    return lines;
  }

 private:
  std::filesystem::path root_;
};

constexpr std::string_view k_group_key =
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
constexpr std::string_view k_device_key = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";

/// Good, and only what is needed; more can be put after it.
inline std::string minimal(std::string_view more = "") {
  return "[device]\nid = \"dev-1\"\n[provisioning]\nid_scope = \"0ne00ABCDEF\"\ngroup_symmetric_key = \"" +
         std::string(k_group_key) + "\"\n" + std::string(more);
}

/// The one fault that `more` makes after a good configuration, which has five lines.
inline std::string fault_of(std::string_view more) {
  const ConfigDir dir;
  dir.main(minimal(more));
  const auto faults = dir.faults();
  if (faults.size() != 1) return "faults: " + testing::PrintToString(faults);
  return faults.front();
}

/// The configuration that `more` makes after a good one, which has five lines.
inline Config good(std::string_view more) {
  const ConfigDir dir;
  dir.main(minimal(more));
  auto loaded = dir.load();
  EXPECT_THAT(dir.faults(), testing::IsEmpty());
  return loaded ? *loaded : Config{};
}

}  // namespace iotc_ha::config
