#include "command.hpp"
#include "sender.hpp"
#include "text.hpp"

#include <iotc_ha/azure/text.hpp>

#include <CLI/CLI.hpp>
#include <sysexits.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace iotc_ha::cli {
namespace {

constexpr std::int64_t k_wait_max = 86'400;  ///< seconds; the daemon waits no longer

struct Options {
  std::string document;
  bool has_document = false;
  bool lines = false;
  std::string component;
  std::vector<std::string> properties;
  std::string message_id;
  std::string timestamp;
  std::string wait;
  bool json = false;
};

core::Submission form_of(const Options& options) {
  core::Submission form;
  form.component = options.component;
  form.message_id = options.message_id;
  for (const std::string& property : options.properties) {
    const std::size_t equals = property.find('=');
    if (equals == std::string::npos || equals == 0) wrong("--property", "must be NAME=VALUE, not '" + property + "'");
    const std::string name = property.substr(0, equals);
    for (const auto& [known, value] : form.properties) {
      if (known == name) wrong("--property", "'" + name + "' is given twice");
    }
    form.properties.emplace_back(name, property.substr(equals + 1));
  }
  if (!options.timestamp.empty()) {
    const auto moment = read_moment(options.timestamp);
    if (!moment) {
      wrong("--timestamp",
            "must be like 2026-11-23T07:40:12.5Z or microseconds since 1970, up to the year 9999, not '" +
                options.timestamp + "'");
    }
    form.created = *moment;
  }
  for (const auto& [option, text] :
       {std::pair{"--component", &options.component}, {"--message-id", &options.message_id}}) {
    if (!fits_d_bus(*text)) wrong(option, "must be UTF-8");
  }
  for (const std::string& property : options.properties) {
    if (!fits_d_bus(property)) wrong("--property", "must be UTF-8");
  }
  return form;
}

std::optional<std::chrono::seconds> wait_of(const Options& options) {
  if (options.wait.empty()) return std::nullopt;
  const auto seconds = azure::read_number<std::int64_t>(options.wait);
  if (!seconds || *seconds < 1 || *seconds > k_wait_max) {
    wrong("--wait", "must be 1 to " + std::to_string(k_wait_max) + " seconds, not '" + options.wait + "'");
  }
  return std::chrono::seconds{*seconds};
}

/// What could be read is sent; the exit status says that there was more.
int status_after(const std::string& read_error, int status) {
  if (read_error.empty()) return status;
  complain(read_error);
  return EX_IOERR;
}

int send_lines(Sender& sender, const std::optional<std::chrono::seconds>& wait) {
  Lines input(STDIN_FILENO);
  bool going_on = true;
  while (going_on) {
    const std::vector<Line> lines = input.take(Sender::k_batch);
    if (lines.empty()) break;
    going_on = sender.send(lines);
  }
  if (going_on && wait) sender.wait_for_hub(*wait);
  return status_after(input.error(), sender.status());
}

int send_one(Sender& sender, Line document, const std::optional<std::chrono::seconds>& wait) {
  if (sender.send({std::move(document)}) && wait) sender.wait_for_hub(*wait);
  return sender.status();
}

int send(Daemon& daemon, const Options& options, const core::Submission& form,
         const std::optional<std::chrono::seconds>& wait) {
  Sender sender(daemon, form, options.json);
  if (options.lines) return send_lines(sender, wait);
  if (options.has_document) return send_one(sender, {0, options.document, false}, wait);
  std::string error;
  Line document = read_document(STDIN_FILENO, error);
  if (!error.empty()) return status_after(error, EX_IOERR);  // half a document is none
  if (!document.cut && document.text.empty()) {
    complain("nothing to send: standard input is empty");
    return EX_DATAERR;
  }
  return send_one(sender, std::move(document), wait);
}

}  // namespace

void add_send(CLI::App& app, Command& command) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("send", "hand telemetry to the daemon; returns when it is on disk");
  auto* document = sub->add_option("JSON", options->document, "the message; without it, standard input is read");
  auto* lines = sub->add_flag("--lines", options->lines, "each line of standard input is a message, sent as it comes");
  sub->add_option("--component", options->component, "component of the model that it is of");
  sub->add_option("--property", options->properties, "application property NAME=VALUE; may be repeated")
      ->allow_extra_args(false);
  auto* message_id = sub->add_option("--message-id", options->message_id, "its id in the cloud");
  sub->add_option("--timestamp", options->timestamp, "when it came about: RFC 3339, or microseconds since 1970");
  sub->add_flag("--wait{60}", options->wait, "--wait[=SECONDS]: wait until a hub has it, 60 seconds at most");
  sub->add_flag("--json", options->json, "print numbers as JSON");
  lines->excludes(document)->excludes(message_id);
  sub->callback([&command, options, document] {
    options->has_document = document->count() > 0;
    command = [options, form = form_of(*options), wait = wait_of(*options)](Daemon& daemon) {
      return send(daemon, *options, form, wait);
    };
  });
}

}  // namespace iotc_ha::cli
