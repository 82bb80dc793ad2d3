#include "command.hpp"
#include "text.hpp"
#include "watcher.hpp"

#include <CLI/CLI.hpp>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

namespace iotc_ha::cli {
namespace {

constexpr std::int64_t k_timeout_max = 86'400;  ///< seconds

void check_names(const std::string& option, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!fits_d_bus(name)) wrong(option, "must be UTF-8");
    if (name.empty()) wrong(option, "must be a name");
  }
}

void check(WatchOptions& options) {
  check_names("--property", options.properties);
  check_names("--command", options.commands);
  if (options.timeout < 1 || options.timeout > k_timeout_max) {
    wrong("--timeout",
          "must be 1 to " + std::to_string(k_timeout_max) + " seconds, not " + std::to_string(options.timeout));
  }
  if (options.program.empty()) return;
  if (options.properties.empty() && options.commands.empty()) {
    wrong("--exec", "has nothing to answer without --property or --command");
  }
  if (!fits_d_bus(options.program)) wrong("--exec", "must be UTF-8");  // the cloud is told its name when it fails
  auto file = find_program(options.program);
  if (!file) wrong("--exec", "'" + options.program + "' cannot be run: " + file.error());
  options.file = std::move(*file);
}

int watch(Daemon& daemon, const WatchOptions& options) {
  sigset_t ends{};
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);  // NOLINT(concurrency-mt-unsafe): there is one thread
  signal(SIGCHLD, SIG_DFL);                // ignored, as we may inherit it, it would hide how a program ends
  const int interrupt = signalfd(-1, &ends, SFD_CLOEXEC);
  if (interrupt < 0) {
    complain("signalfd: " + std::generic_category().message(errno));
    return EXIT_FAILURE;
  }
  const int status = Watcher(daemon, options, interrupt).run();
  close(interrupt);
  return status;
}

}  // namespace

void add_watch(CLI::App& app, Command& command) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* sub = app.add_subcommand("watch", "a line for each thing that happens, until Ctrl-C");
  sub->add_option("--property", options->properties,
                  "claim a desired property, NAME or COMPONENT*NAME, and show its changes; may be repeated")
      ->allow_extra_args(false);
  sub->add_option("--command", options->commands,
                  "claim a command, NAME or COMPONENT*NAME, and show its calls; may be repeated")
      ->allow_extra_args(false);
  auto* exec = sub->add_option("--exec", options->program,
                               "program that answers each: JSON on its standard input, JSON on its standard output");
  sub->add_option("--timeout", options->timeout, "seconds that the program has")->capture_default_str()->needs(exec);
  auto* count = sub->add_option("--count", options->count, "end after so many lines");
  sub->add_flag("--json", options->json, "print each line as a JSON object");
  sub->callback([&command, options, exec, count] {
    if (count->count() > 0 && options->count == 0) wrong("--count", "must be 1 or more, not 0");
    if (exec->count() > 0 && options->program.empty()) wrong("--exec", "must be a program");
    check(*options);
    command = [options](Daemon& daemon) { return watch(daemon, *options); };
  });
}

}  // namespace iotc_ha::cli
