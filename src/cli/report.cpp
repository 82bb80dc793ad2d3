#include "command.hpp"
#include "json.hpp"
#include "lines.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <system_error>

namespace iotc_ha::cli {
namespace {

struct Options {
  std::string patch = "-";
  std::string file;
  bool json = false;
};

/// The patch, or nothing after a complaint; then `status` says how to end.
std::optional<std::string> read_patch(const Options& options, int& status) {
  if (options.file.empty() && options.patch != "-") return options.patch;
  const std::string name = options.file.empty() ? "standard input" : options.file;
  const int descriptor = options.file.empty() ? STDIN_FILENO : open(options.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    complain(name + ": " + std::generic_category().message(errno));
    status = EX_NOINPUT;
    return std::nullopt;
  }
  std::string error;
  Line document = read_document(descriptor, error);
  if (descriptor != STDIN_FILENO) close(descriptor);
  status = EX_DATAERR;
  if (!error.empty()) {
    complain(name + " cannot be read");
    status = EX_IOERR;
  } else if (document.cut) {
    complain(name + " is longer than " + show_bytes(Lines::k_line_max) + ", and a hub takes far less");
  } else if (document.text.empty()) {
    complain("nothing to report: " + name + " is empty");
  } else {
    return std::move(document.text);
  }
  return std::nullopt;
}

int report(Daemon& daemon, const Options& options) {
  int status = EXIT_SUCCESS;
  const auto patch = read_patch(options, status);
  if (!patch) return status;
  if (!fits_d_bus(*patch)) {
    complain("InvalidPayload: not UTF-8, or with a NUL or one of Unicode's noncharacters");
    return EX_DATAERR;
  }
  const auto reported = daemon.report(*patch);
  if (!reported) {
    const Failure& failure = reported.error();
    if (options.json) std::cout << JsonObject().add("error", failure.name).add("text", failure.text).text() << '\n';
    return fail({failure.outcome, failure.name,
                 failure.outcome == Outcome::BadMessage ? failure.name + ": " + failure.text : failure.text});
  }
  if (options.json) {
    std::cout << JsonObject().add("accepted", true).text() << '\n';
  } else {
    std::cout << "on disk; a hub is told now, or when there is one\n";
  }
  return EXIT_SUCCESS;
}

}  // namespace

void add_report(CLI::App& app, Command& command) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("report", "change reported properties; returns when that is on disk");
  auto* patch = sub->add_option(
      "JSON", options->patch, "a merge patch: an object, in which null deletes; - or nothing: standard input is read");
  auto* file = sub->add_option("--file", options->file, "read it from a file");
  file->excludes(patch);
  sub->add_flag("--json", options->json, "print the answer as JSON");
  sub->callback([&command, options, file] {
    if (file->count() > 0 && options->file.empty()) throw CLI::ValidationError("--file", "must be a file");
    command = [options](Daemon& daemon) { return report(daemon, *options); };
  });
}

}  // namespace iotc_ha::cli
