#pragma once

#include "errors.hpp"
#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace iotc_ha::bus {

/// Is told when an answer cannot be sent, because the connection is gone.
using Broken = std::function<void(const std::string& why)>;

/// Calls of one method that wait for their answer, under a number each. A call holds a message of its connection, and
/// so must be gone before that: whoever is to answer knows the number only.
template <typename... Values>
class Pending {
 public:
  using Call = sdbus::Result<Values...>;

  Pending(std::string method, std::size_t limit, Broken broken)
      : method_(std::move(method)), limit_(limit), broken_(std::move(broken)) {}

  [[nodiscard]] bool full() const { return calls_.size() >= limit_; }
  /// For the call for which there is no place.
  [[nodiscard]] sdbus::Error busy() const {
    return as_dbus_error(
        {core::Fault::Busy, std::to_string(limit_) + " calls of " + method_ + " are waiting already", {}});
  }
  std::uint64_t keep(Call&& call) {
    calls_.emplace(++last_, std::move(call));
    return last_;
  }
  /// Nothing when it has been taken before.
  std::optional<Call> take(std::uint64_t number) {
    auto found = calls_.extract(number);
    if (found.empty()) return std::nullopt;
    return std::optional<Call>(std::move(found.mapped()));
  }
  void broken(const sdbus::Error& error) const { broken_(error.getMessage()); }

 private:
  const std::string method_;
  const std::size_t limit_;
  const Broken broken_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, Call> calls_;
};

/// Only the adaptor that serves the method owns its calls: an answer that comes after its end finds none.
template <typename... Values>
using PendingCalls = std::shared_ptr<Pending<Values...>>;

/// Keeps `call`, and makes the way to answer it: by `reply(call, value)`, or with an error.
template <typename T, typename... Values, typename Reply>
Answer<T> later(const PendingCalls<Values...>& pending, sdbus::Result<Values...>&& call, Reply reply) {
  const std::uint64_t number = pending->keep(std::move(call));
  return [calls = std::weak_ptr(pending), number, reply](core::Result<T> result) {
    const auto alive = calls.lock();
    if (!alive) return;
    const auto waiting = alive->take(number);
    if (!waiting) return;
    try {
      if (result) {
        reply(*waiting, result);
      } else {
        waiting->returnError(as_dbus_error(result.error()));
      }
    } catch (const sdbus::Error& error) {
      alive->broken(error);
    }
  };
}

/// The same for a method that returns nothing.
inline Answer<void> later(const PendingCalls<>& pending, sdbus::Result<>&& call) {
  return later<void>(pending, std::move(call),
                     [](const auto& waiting, const auto& /*done*/) { waiting.returnResults(); });
}

}  // namespace iotc_ha::bus
