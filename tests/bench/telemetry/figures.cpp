#include "figures.hpp"

#include <algorithm>
#include <numeric>

namespace iotc_ha::bench {

Seconds Durations::sum() const { return std::accumulate(all_.begin(), all_.end(), Seconds{}); }

double Durations::quantile_ms(double part) const {
  if (all_.empty()) return 0;
  std::vector<Seconds> sorted = all_;
  const auto place = std::min(static_cast<std::size_t>(part * static_cast<double>(sorted.size())), sorted.size() - 1);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(place), sorted.end());
  return sorted[place].count() * 1000;
}

}  // namespace iotc_ha::bench
