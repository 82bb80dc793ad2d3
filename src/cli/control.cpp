#include "command.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>

namespace iotc_ha::cli {
namespace {

int status_of(const Result<void>& done) { return done ? EXIT_SUCCESS : fail(done.error()); }

}  // namespace

void add_control(CLI::App& app, Command& command) {
  app.add_subcommand("reconnect", "drop the session and open a new one, now")->callback([&command] {
    command = [](Daemon& daemon) { return status_of(daemon.reconnect()); };
  });
  app.add_subcommand("reprovision", "ask the Device Provisioning Service for the hub, and connect to it, now")
      ->callback([&command] { command = [](Daemon& daemon) { return status_of(daemon.reprovision()); }; });
}

}  // namespace iotc_ha::cli
