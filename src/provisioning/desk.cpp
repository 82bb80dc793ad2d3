#include "desk.hpp"

#include <iotc_ha/courier/wire.hpp>

#include <sys/epoll.h>

#include <cstdlib>
#include <utility>
#include <variant>

namespace iotc_ha::provisioning {

namespace command = courier::command;

Desk::Desk(runtime::Loop& loop, courier::Socket daemon)
    : loop_(loop),
      daemon_(std::move(daemon)),
      client_(loop.poster(), [this](const core::RegistrationNotice& notice) { tell(notice); }),
      watch_(loop.attach(*this)) {}

runtime::Loop::Pollable::Wanted Desk::wanted() { return {daemon_.fd(), EPOLLIN}; }

void Desk::ready() {
  using What = courier::Socket::Received::What;
  const auto received = daemon_.receive();
  switch (received.what) {
    case What::NothingNow: return;
    case What::Message: return obey(received.message);
    case What::TooLarge: return end(EXIT_FAILURE);
    case What::Over: return end(EXIT_SUCCESS);
  }
}

void Desk::obey(const std::string& message) {
  struct Visitor {
    Client& client;
    void operator()(const command::Prepare& c) const { client.prepare(c.whom); }
    void operator()(const command::Register& c) const { client.register_device(c.attempt, c.registration); }
    void operator()(const command::Cancel& c) const { client.cancel(c.attempt); }
  };
  const auto command = courier::read_command(message);
  if (!command) return end(EXIT_FAILURE);  // the daemon sees it, and says so
  std::visit(Visitor{client_}, *command);
}

void Desk::tell(const core::RegistrationNotice& notice) {
  if (!daemon_.send(courier::to_message(notice))) end(EXIT_FAILURE);
}

void Desk::end(int code) { loop_.exit(code); }

}  // namespace iotc_ha::provisioning
