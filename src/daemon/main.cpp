#include "agent.hpp"

#include <CLI/CLI.hpp>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace iotc_ha;

/// EX_CONFIG of sysexits.h; the unit does not restart after it (RestartPreventExitStatus=78).
constexpr int k_exit_configuration = 78;
/// EX_USAGE.
constexpr int k_exit_usage = 64;

struct Options {
  std::string config = "/etc/iotc-ha.conf";
  std::string state_dir;
  std::string bus = "system";
  bool check = false;
  bool print_config = false;
};

/// systemd hands folders over in the environment; it is read before there is any other thread.
std::string environment(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr ? value : otherwise;
}

int refuse(const std::vector<config::Fault>& faults) {
  for (const config::Fault& fault : faults) std::cerr << to_string(fault) << '\n';
  return k_exit_configuration;
}

int run(const Options& options) {
  // Paho takes these even for plain TLS; the proxy comes from the configuration alone.
  for (const char* name : {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
    unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  config::Sources sources{options.config, {}};
  if (const auto credentials = environment("CREDENTIALS_DIRECTORY"); !credentials.empty()) {
    sources.credentials_directory = credentials;
  }

  if (options.print_config) {
    const config::Description described = config::describe(sources);
    std::cout << described.text << std::flush;
    return described.faults.empty() ? EXIT_SUCCESS : refuse(described.faults);
  }
  auto configured = config::load(sources);
  if (!configured) return refuse(configured.error());
  auto settings = daemon::make_settings(std::move(*configured));
  if (!settings) {
    std::cerr << options.config << ": " << settings.error().what << '\n';
    return k_exit_configuration;
  }
  if (options.check) {
    std::cout << options.config << ": no faults found\n";
    return EXIT_SUCCESS;
  }

  runtime::Journal journal("iotc-ha");
  if (const auto level = runtime::parse_severity(settings->config.log.level)) journal.set_level(*level);
  runtime::Loop loop;
  std::signal(SIGPIPE, SIG_IGN);  // a peer that is gone is an error of the write, not the end of us

  // The signals are blocked before anything makes a thread, so that only the loop sees them.
  daemon::Agent* agent = nullptr;
  loop.on_signal(SIGTERM, [&agent] { agent->stop(); });
  loop.on_signal(SIGINT, [&agent] { agent->stop(); });
  loop.on_signal(SIGHUP, [&agent] { agent->reload(); });

  auto dps_program = courier::Program::find();
  if (!dps_program) {
    journal.write(runtime::Severity::Critical, dps_program.error().what);
    return EXIT_FAILURE;
  }
  auto store =
      spool::Store::open(options.state_dir, daemon::spool_limits(settings->config), loop,
                         [&journal](const core::Error& error) { journal.write(runtime::Severity::Error, error.what); });
  if (!store) {
    journal.write(runtime::Severity::Critical, store.error().what);
    return EXIT_FAILURE;
  }
  daemon::Agent the_agent(loop, journal, std::move(sources), std::move(*settings), std::move(*store),
                          *std::move(dps_program), options.bus);
  agent = &the_agent;
  agent->begin();
  const int code = loop.run();
  if (the_agent.workers_abandoned()) std::_Exit(code);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  // One heap for all threads: glibc gives each its own, of which most stays empty. Measured (tests/bench): 0.65 MB
  // less, and no slower with 16 callers, since the threads mostly wait for a disk or a network.
  mallopt(M_ARENA_MAX, 1);  // NOLINT(concurrency-mt-unsafe): there is no other thread yet
  Options options;
  options.state_dir = environment("STATE_DIRECTORY", "/var/lib/iotc-ha");
  CLI::App app{"Keeps an Azure IoT device reachable when its hub is lost.", "iotc-had"};
  app.set_version_flag("--version", std::string{"iotc-had "} + IOTC_HA_VERSION);
  app.add_option("--config", options.config, "configuration file; drop-ins are FILE.d/*.conf")->capture_default_str();
  app.add_option("--state-dir", options.state_dir, "folder for what must outlive the process")->capture_default_str();
  app.add_option("--bus", options.bus, "system, session, or a D-Bus address")->capture_default_str();
  auto* const check = app.add_flag("--check", options.check, "read the configuration, name every fault, and end");
  app.add_flag("--print-config", options.print_config, "print every setting, its source and its meaning, and end")
      ->excludes(check);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == EXIT_SUCCESS ? EXIT_SUCCESS : k_exit_usage;  // --help and --version come here too
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    // Libraries' exceptions stop in their adapters; what comes here is a broken invariant or a machine without memory.
    std::cerr << "iotc-had: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
