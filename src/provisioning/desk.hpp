#pragma once

#include <iotc_ha/courier/socket.hpp>
#include <iotc_ha/provisioning/client.hpp>
#include <iotc_ha/runtime/loop.hpp>

#include <memory>
#include <string>

namespace iotc_ha::provisioning {

/// Takes the daemon's commands and tells it what comes of them. Ends the loop when the daemon hangs up. Loop thread.
class Desk final : private runtime::Loop::Pollable {
 public:
  Desk(runtime::Loop& loop, courier::Socket daemon);

 private:
  Wanted wanted() override;
  void ready() override;
  void obey(const std::string& message);
  void tell(const core::RegistrationNotice& notice);
  void end(int code);

  runtime::Loop& loop_;
  const courier::Socket daemon_;
  Client client_;
  std::unique_ptr<runtime::Loop::Attachment> watch_;
};

}  // namespace iotc_ha::provisioning
