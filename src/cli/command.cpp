#include "command.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace iotc_ha::cli {

void wrong(const std::string& option, const std::string& why) { throw CLI::ValidationError(option, why); }

void complain(const std::string& text) { std::cerr << "iotc-hactl: " << text << '\n'; }

int fail(const Failure& failure) {
  complain(failure.text);
  return exit_status(failure.outcome);
}

}  // namespace iotc_ha::cli
