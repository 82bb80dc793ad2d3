#include "command.hpp"

#include <CLI/CLI.hpp>
#include <sysexits.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace {

using namespace iotc_ha;

int run(const std::string& bus, const cli::Command& command) {
  auto daemon = cli::Daemon::connect(bus);
  if (!daemon) return cli::fail(daemon.error());
  const int status = command(*daemon);
  std::cout.flush();
  if (std::cout) return status;
  cli::complain("standard output cannot be written");
  return EX_IOERR;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Speaks with iotc-had, which keeps this machine's Azure IoT device connected.", "iotc-hactl"};
  std::string bus = "system";
  cli::Command command;
  app.set_version_flag("--version", std::string{"iotc-hactl "} + IOTC_HA_VERSION);
  app.add_option("--bus", bus, "system, session, or a D-Bus address")->capture_default_str();
  app.require_subcommand(0, 1);  // of none we speak below: CLI11 would not name a word that is no command
  app.fallthrough();             // --bus may stand after the subcommand too
  cli::add_send(app, command);
  cli::add_audit(app, command);
  cli::add_status(app, command);
  cli::add_twin(app, command);
  cli::add_report(app, command);
  cli::add_watch(app, command);
  cli::add_control(app, command);
  try {
    app.parse(argc, argv);
    if (!command) throw CLI::RequiredError("A command");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == EXIT_SUCCESS ? EXIT_SUCCESS : EX_USAGE;  // --help and --version come here too
  }
  try {
    return run(bus, command);
  } catch (const std::exception& error) {
    // Libraries' exceptions stop in their adapters; what comes here is a machine without memory.
    cli::complain(error.what());
    return EXIT_FAILURE;
  }
}
