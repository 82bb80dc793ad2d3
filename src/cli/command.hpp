#pragma once

#include "daemon.hpp"

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace iotc_ha::cli {

/// What the command line asks for. Returns the exit status.
using Command = std::function<int(Daemon&)>;

// Each adds its subcommands to `app`; parsing the command line sets `command`.
void add_send(CLI::App& app, Command& command);
void add_audit(CLI::App& app, Command& command);
void add_status(CLI::App& app, Command& command);  ///< status, history
void add_twin(CLI::App& app, Command& command);
void add_report(CLI::App& app, Command& command);
void add_watch(CLI::App& app, Command& command);
void add_control(CLI::App& app, Command& command);  ///< reconnect, reprovision

/// Says which option is wrong; becomes exit status 64. Only while the command line is parsed.
[[noreturn]] void wrong(const std::string& option, const std::string& why);
/// One line for people on standard error, with our name before it.
void complain(const std::string& text);
/// Tells of a failure. Returns the exit status for it.
int fail(const Failure& failure);

}  // namespace iotc_ha::cli
