#include "command.hpp"
#include "json.hpp"
#include "text.hpp"

#include <iotc_ha/azure/json.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>

namespace iotc_ha::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

/// A row for each property of a document, those of components by themselves.
Rows rows_of(const std::string& json) {
  azure::DesiredDocument document;
  for (const azure::JsonMember& member : azure::members_of_object(json).value_or(std::vector<azure::JsonMember>{})) {
    document.properties.push_back({member.name, member.json});
  }
  Rows rows;
  for (const auto& property : azure::by_component(document, {}).value_or(document).properties) {
    rows.push_back({" ", property.name, property.json_value});
  }
  return rows;
}

void print(const std::string& heading, const Rows& rows) {
  std::cout << heading << (rows.empty() ? ": none\n" : "\n") << table(rows, {true, true, true, true});
}

void print(const Twin& twin) {
  Rows desired = rows_of(twin.desired);
  for (auto& row : desired) {
    const bool waits =
        std::find(twin.unacknowledged.begin(), twin.unacknowledged.end(), row[1]) != twin.unacknowledged.end();
    row.emplace_back(waits ? "not acknowledged" : "");
  }
  print("Desired, version " + std::to_string(twin.version), desired);
  Rows deleted;
  for (const std::string& name : twin.unacknowledged) {
    const bool shown = std::any_of(desired.begin(), desired.end(), [&](const auto& row) { return row[1] == name; });
    if (!shown) deleted.push_back({" ", name, "deleted"});
  }
  if (!deleted.empty()) print("Not acknowledged", deleted);
  print("Reported", rows_of(twin.reported));
}

int show_twin(Daemon& daemon, bool json) {
  const auto twin = daemon.twin();
  if (!twin) return fail(twin.error());
  if (!json) {
    print(*twin);
    return EXIT_SUCCESS;
  }
  const auto document = [](const std::string& text) { return azure::compact_json(text).value_or("null"); };
  std::cout << JsonObject()
                   .add_json("desired", document(twin->desired))
                   .add("version", twin->version)
                   .add_json("reported", document(twin->reported))
                   .add("unacknowledged", twin->unacknowledged)
                   .text()
            << '\n';
  return EXIT_SUCCESS;
}

}  // namespace

void add_twin(CLI::App& app, Command& command) {
  auto json = std::make_shared<bool>(false);
  CLI::App* twin = app.add_subcommand("twin", "desired and reported properties, and which nobody has acknowledged");
  twin->add_flag("--json", *json, "print it as JSON");
  twin->callback([&command, json] { command = [json](Daemon& daemon) { return show_twin(daemon, *json); }; });
}

}  // namespace iotc_ha::cli
