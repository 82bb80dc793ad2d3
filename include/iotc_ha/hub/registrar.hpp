#pragma once

#include <iotc_ha/core/registration.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace iotc_ha::hub {

/// The Device Provisioning Service over MQTT, for networks that let nothing else through: the counterpart of
/// provisioning::Client, with the same promises. It stands in this room because it speaks through Paho. Its connection
/// may be open beside that of a session, to another host.
class Registrar {
 public:
  enum class Transport : std::uint8_t { Mqtt, WebSocket };
  /// `on_notice` is called on the loop thread, never from inside a call. `loop` must live longer.
  Registrar(runtime::Loop& loop, std::function<void(core::RegistrationNotice)> on_notice);
  ~Registrar();
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  void register_device(core::AttemptId attempt, core::Registration registration, Transport transport);
  void cancel(core::AttemptId attempt);

  [[nodiscard]] std::optional<std::chrono::microseconds> stuck_for() const;
  void abandon();

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;
};

}  // namespace iotc_ha::hub
