#include <iotc_ha/core/account.hpp>

namespace iotc_ha::core {

std::string_view name_of(Loss loss) noexcept {
  switch (loss) {
    case Loss::Full: return "full";
    case Loss::Expired: return "expired";
    case Loss::Damaged: return "damaged";
    case Loss::Quarantined: return "quarantined";
  }
  return "unknown";
}

}  // namespace iotc_ha::core
