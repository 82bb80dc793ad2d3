#pragma once

#include "peer.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

namespace iotc_ha::cli {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// `iotc-hactl watch`, with somebody at the other end whose state is known.
class WatchTest : public PeerTest {
 protected:
  void SetUp() override {
    served_->on_loop([](bus::Service& service) { service.publish(bus::example_status()); });
    folder_ = (fs::temp_directory_path() / "iotc-hactl-watch-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Begins to watch, and returns when it listens and has claimed.
  void watch(const std::vector<std::string>& arguments) { watch_by({}, arguments); }
  /// The same, with another command before it.
  void watch_by(std::vector<std::string> command, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "watch");
    for (const std::string& word : hactl(arguments)) command.push_back(word);
    watch_.emplace(command);
    EXPECT_THAT(line(), testing::HasSubstr("Connected"));
  }
  std::string line() { return watch_->line().value_or("nothing"); }
  Json json() { return Json::parse(line(), nullptr, false); }
  /// A program for --exec.
  std::string program(const std::string& text) const {
    const std::string file = folder_ + "/answer";
    std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(file, fs::perms{0755});
    return file;
  }
  void tell_desired(const std::string& name, const std::string& patch, std::uint64_t version) {
    served_->on_loop(
        [&](bus::Service& service) { service.desired_changed(served_->desk.properties.at(name), patch, version); });
  }
  void invoke(const std::string& name, const core::Invocation& invocation) {
    served_->on_loop([&](bus::Service& service) { service.invoked(served_->desk.commands.at(name), invocation); });
  }
  std::vector<azure::Acknowledgement> acknowledged() {
    std::vector<azure::Acknowledgement> all;
    served_->on_loop([&](bus::Service& /*service*/) {
      for (const auto& each : served_->desk.acknowledged) all.push_back(each.what);
    });
    return all;
  }
  std::vector<bus::Desk::Completed> completed() {
    std::vector<bus::Desk::Completed> all;
    served_->on_loop([&](bus::Service& /*service*/) { all = served_->desk.completed; });
    return all;
  }

  std::string folder_;
  std::optional<Program> watch_;
};

}  // namespace iotc_ha::cli
