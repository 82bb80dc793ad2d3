#include "desk.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

using namespace iotc_ha;

namespace {

/// Whether somebody talks to us by a socket of messages, as iotc-had does.
bool is_asked() {
  int kind = 0;
  socklen_t size = sizeof kind;
  return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && kind == SOCK_SEQPACKET;
}

}  // namespace

/// iotc-ha-dps: the process that asks DPS over HTTPS for iotc-had, which starts it, and with which it ends.
int main() {
  if (!is_asked()) {
    std::cerr
        << "iotc-ha-dps is started by iotc-had when it has to ask the Device Provisioning Service; see iotc-had(8)\n";
    return EX_USAGE;
  }
  prctl(PR_SET_NAME, "iotc-ha-dps");  // it was started by a descriptor, whose number would be its name
  close(STDERR_FILENO + 1);           // that descriptor
  // A terminal and systemd send these to all processes of a service. This one goes when the daemon hangs up.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
  int code = EXIT_FAILURE;
  try {
    runtime::Loop loop;
    const provisioning::Desk desk(loop, courier::Socket(STDIN_FILENO));
    code = loop.run();
  } catch (const std::exception& error) {
    std::cerr << "iotc-ha-dps: " << error.what() << '\n';
  }
  std::_Exit(
      code);  // libcurl leaves a look-up that hangs to a thread of its own, which must not meet what exit() undoes
}
