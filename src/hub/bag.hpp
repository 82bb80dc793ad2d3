#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace iotc_ha::hub {

/// A few things that threads hand to each other without ever waiting for each other: what one has taken out is its own.
/// While one looks, another may miss what is there. For objects that live as long as the process: there is no
/// destructor, because Paho's threads run to the very end.
template <typename T, std::size_t Size>
class Bag {
 public:
  /// When it is full, one of those that are there goes.
  void put(std::unique_ptr<T> thing) {
    for (std::atomic<T*>& place : places_) {
      T* nothing = nullptr;
      if (!place.compare_exchange_strong(nothing, thing.get(), std::memory_order_acq_rel)) continue;
      static_cast<void>(thing.release());
      return;
    }
    const std::unique_ptr<T> gone(places_[turn_++ % Size].exchange(thing.release(), std::memory_order_acq_rel));
  }

  /// Takes out one that is `wanted`; null when there is none.
  template <typename Wanted>
  [[nodiscard]] std::unique_ptr<T> take_if(Wanted wanted) {
    for (std::atomic<T*>& place : places_) {
      std::unique_ptr<T> thing(place.exchange(nullptr, std::memory_order_acq_rel));
      if (!thing) continue;
      if (wanted(std::as_const(*thing))) return thing;
      put(std::move(thing));
    }
    return nullptr;
  }

 private:
  std::array<std::atomic<T*>, Size> places_{};
  std::atomic<std::size_t> turn_ = 0;
};

}  // namespace iotc_ha::hub
