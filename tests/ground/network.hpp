#pragma once

#include <string>

namespace iotc_ha::ground {

/// A /24 of 127.0.0.0/8 that no other test process has. A socket bound in it is the mark that it is taken.
class Network {
 public:
  Network();  ///< throws std::runtime_error when none is free
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  [[nodiscard]] const std::string& address() const { return address_; }  ///< "127.x.y.0"

 private:
  std::string address_;
  int mark_ = -1;
};

}  // namespace iotc_ha::ground
