#pragma once

#include <iotc_ha/hub/session.hpp>

#include <ground/on_its_loop.hpp>

#include <memory>
#include <utility>

namespace iotc_ha::hub_test {

/// hub::Sessions, and what they tell.
class Desk : public ground::OnItsLoop<hub::Sessions, hub::Notice> {
 public:
  Desk() : OnItsLoop(&make) {}
  explicit Desk(Reaction reaction) : OnItsLoop(&make, std::move(reaction)) {}

  /// Gives the receipt of what has come.
  void stored(const hub::CommandReceived& command) {
    run([&](hub::Sessions& /*sessions*/) { command.receipt->stored(); });
  }

 private:
  static std::unique_ptr<hub::Sessions> make(runtime::Loop& loop, Take take) {
    return std::make_unique<hub::Sessions>(loop, std::move(take));
  }
};

}  // namespace iotc_ha::hub_test
