#include "command.hpp"
#include "json.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>

namespace iotc_ha::cli {
namespace {

constexpr std::uint32_t k_history = 20;

/// "2026-11-23 07:40:12, 3 min 12 s ago"; clocks may be set, so that it may lie ahead.
std::string moment_and_age(core::WallTime moment) {
  const auto age = now() - moment;
  const auto zero = std::chrono::microseconds{0};
  return show_moment(moment) + (age < zero ? ", in " + show_duration(-age) : ", " + show_duration(age) + " ago");
}

bool is_set(core::WallTime moment) { return moment != core::WallTime{}; }

std::string count(std::uint64_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

void print(const char* name, const std::string& text) { std::cout << table({{name, text}}, {true, true}); }

void print_state(const About& about) {
  const core::Status& status = about.status;
  print("State       ", status.state + " since " + moment_and_age(status.state_since));
  print("            ", status.state_reason);
  if (is_set(status.next_attempt)) print("Next attempt", moment_and_age(status.next_attempt));
  if (status.attempts > 0) print("Attempts    ", std::to_string(status.attempts));
  print("Hub         ", status.current_hub.empty() ? "none" : status.current_hub);
  if (!status.previous_hub.empty()) print("Hub before  ", status.previous_hub);
  print("Device      ", (status.device_id.empty() ? "not known yet" : status.device_id) + ", " + about.model_id);
  print("Failovers   ",
        std::to_string(status.failover_count) +
            (status.failover_count > 0 ? ", the last took " + show_duration(status.last_failover_duration) : "") +
            "; " + count(status.reconnect_count, "reconnect", "reconnects"));
  print("DPS         ", count(status.dps_registrations, "registration", "registrations") + ", " +
                            std::to_string(status.dps_throttled) + " throttled");
  if (!status.last_error.name.empty()) {
    print("Last error  ", status.last_error.name + " at " + show_moment(status.last_error.when));
    print("            ", status.last_error.text);
  }
}

void print_figures(const core::SpoolFigures& figures) {
  print("Queue       ", count(figures.queued, "message", "messages") + ", " + show_bytes(figures.queued_bytes) +
                            " of " + show_bytes(figures.capacity) +
                            (figures.queued > 0 ? "; the oldest of " + moment_and_age(figures.oldest_queued) : ""));
  print("Accepted    ", std::to_string(figures.accepted) + ": " + std::to_string(figures.delivered) + " delivered, " +
                            std::to_string(figures.queued) + " queued, " + std::to_string(figures.dropped) +
                            " dropped, " + std::to_string(figures.quarantined) + " quarantined");
}

void print_unacknowledged(const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  print("Desired     ", count(names.size(), "property", "properties") + " not acknowledged: " + list);
}

JsonObject json_of(const About& about, const core::SpoolFigures& figures,
                   const std::vector<std::string>& unacknowledged) {
  const core::Status& status = about.status;
  JsonObject object;
  object.add("state", status.state)
      .add("state_reason", status.state_reason)
      .add("state_since", status.state_since)
      .add("current_hub", status.current_hub)
      .add("previous_hub", status.previous_hub)
      .add("device_id", status.device_id)
      .add("model_id", about.model_id)
      .add("version", about.version)
      .add("next_attempt", status.next_attempt)
      .add("attempts", std::uint64_t{status.attempts})
      .add("failover_count", status.failover_count)
      .add("reconnect_count", status.reconnect_count)
      .add("last_failover_duration", static_cast<std::uint64_t>(status.last_failover_duration.count()))
      .add("last_error", JsonObject()
                             .add("name", status.last_error.name)
                             .add("text", status.last_error.text)
                             .add("when", status.last_error.when))
      .add("dps_registrations", status.dps_registrations)
      .add("dps_throttled", status.dps_throttled)
      .add("queued", figures.queued)
      .add("queued_bytes", figures.queued_bytes)
      .add("oldest_queued", figures.oldest_queued)
      .add("accepted", figures.accepted)
      .add("delivered", figures.delivered)
      .add("dropped", figures.dropped)
      .add("quarantined", figures.quarantined)
      .add("capacity", figures.capacity)
      .add("bytes_written", figures.bytes_written)
      .add("unacknowledged", unacknowledged);
  return object;
}

int show_status(Daemon& daemon, bool json) {
  const auto about = daemon.about();
  if (!about) return fail(about.error());
  const auto figures = daemon.figures();
  if (!figures) return fail(figures.error());
  const auto unacknowledged = daemon.unacknowledged();
  if (!unacknowledged) return fail(unacknowledged.error());
  if (json) {
    std::cout << json_of(*about, *figures, *unacknowledged).text() << '\n';
  } else {
    print_state(*about);
    print_figures(*figures);
    print_unacknowledged(*unacknowledged);
    print("Version     ", about->version);
  }
  return EXIT_SUCCESS;
}

int show_history(Daemon& daemon, std::uint32_t max, bool json) {
  const auto entries = daemon.history(max);
  if (!entries) return fail(entries.error());
  std::vector<JsonObject> objects;
  for (const core::HistoryEntry& entry : *entries) {
    if (json) {
      objects.push_back(
          JsonObject().add("when", entry.when).add("from", entry.from).add("to", entry.to).add("cause", entry.cause));
    } else {
      std::cout << show_moment(entry.when) << "  " << entry.cause << '\n';
    }
  }
  if (json) std::cout << array_of(objects) << '\n';
  return EXIT_SUCCESS;
}

}  // namespace

void add_status(CLI::App& app, Command& command) {
  auto json = std::make_shared<bool>(false);
  CLI::App* status = app.add_subcommand("status", "what the daemon is doing, why, and what comes next");
  status->add_flag("--json", *json, "print it as JSON");
  status->callback([&command, json] { command = [json](Daemon& daemon) { return show_status(daemon, *json); }; });

  auto max = std::make_shared<std::uint32_t>(k_history);
  CLI::App* history = app.add_subcommand("history", "the latest changes of state, newest first");
  history->add_option("N", *max, "how many at most")->capture_default_str();
  history->add_flag("--json", *json, "print it as JSON");
  history->callback(
      [&command, json, max] { command = [json, max](Daemon& daemon) { return show_history(daemon, *max, *json); }; });
}

}  // namespace iotc_ha::cli
