#pragma once

#include "program.hpp"

#include <gtest/gtest.h>

namespace iotc_ha::cli {

/// A bus with somebody on it who answers as the daemon does.
class PeerTest : public testing::Test {
 public:
  PeerTest() {
    bus_.start();
    served_.emplace(bus_.address());
  }

 protected:
  [[nodiscard]] Program::End run(const std::vector<std::string>& arguments, const std::string& input = "") const {
    return cli::run(bus_.address(), arguments, input);
  }
  [[nodiscard]] std::vector<std::string> hactl(const std::vector<std::string>& arguments) const {
    return cli::hactl(bus_.address(), arguments);
  }
  template <typename Read>
  auto shelf(Read read) {
    decltype(read(served_->shelf)) value{};
    served_->on_loop([&](bus::Service& /*service*/) { value = read(served_->shelf); });
    return value;
  }
  void change(const std::function<void(bus::Shelf&)>& change) {
    served_->on_loop([&](bus::Service& /*service*/) { change(served_->shelf); });
  }
  std::vector<std::string> bodies() {
    return shelf([](const bus::Shelf& shelf) {
      std::vector<std::string> all;
      for (const auto& message : shelf.messages) all.push_back(message.body);
      return all;
    });
  }

  bus::PrivateBus bus_;
  std::optional<bus::Served> served_;
};

}  // namespace iotc_ha::cli
