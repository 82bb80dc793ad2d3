#pragma once

#include <iotc_ha/bus/service.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::bus {

/// What stands behind Twin1 and Commands1 in these tests: it keeps what it is asked, and gives each name to the first
/// who claims it. For the loop's thread, once it is served.
class Desk {
 public:
  /// Sets what Twin1 and Commands1 ask for. We live longer.
  void serve(Requests& requests);

  using Owners = std::map<std::string, core::Caller>;
  Owners properties;
  Owners commands;
  std::vector<core::Caller> left;  ///< the names of whom are free since

  std::vector<std::string> patches;
  std::string reported = "{}";
  Desired desired{"{}", 0};
  std::vector<std::string> unacknowledged;
  struct Acknowledged {
    core::Caller by;
    azure::Acknowledgement what;
  };
  std::vector<Acknowledged> acknowledged;
  struct Completed {
    core::Caller by;
    std::uint64_t id;
    std::int32_t status;
    std::string payload;
  };
  std::vector<Completed> completed;

  std::optional<core::Error> refusal;    ///< what calls are refused with
  std::size_t refusals_left = SIZE_MAX;  ///< for so many reports and answers; claims do not count
  bool hold = false;                     ///< answers wait in `held`
  std::vector<std::function<void()>> held;

 private:
  core::Result<void> claim(Owners& owners, const core::Caller& caller, const std::vector<std::string>& names) const;
  void answer(const Answer<void>& answer);
};

}  // namespace iotc_ha::bus
