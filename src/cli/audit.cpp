#include "command.hpp"
#include "json.hpp"
#include "text.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>

namespace iotc_ha::cli {
namespace {

core::Account total_of(const std::vector<core::Account>& lives) {
  core::Account total;
  total.lives = 0;
  for (const core::Account& life : lives) {
    total.accepted += life.accepted;
    total.delivered += life.delivered;
    total.queued += life.queued;
    total.dropped_full += life.dropped_full;
    total.dropped_expired += life.dropped_expired;
    total.dropped_damaged += life.dropped_damaged;
    total.quarantined += life.quarantined;
    total.replayed += life.replayed;
    total.lives += life.lives;
  }
  return total;
}

std::uint64_t accounted_for(const core::Account& life) {
  return life.delivered + life.queued + life.dropped() + life.quarantined;
}

std::string verdict(const core::Account& life) {
  if (life.adds_up()) return "yes";
  const std::uint64_t found = accounted_for(life);
  return life.accepted > found ? "NO: " + std::to_string(life.accepted - found) + " missing"
                               : "NO: " + std::to_string(found - life.accepted) + " too many";
}

std::vector<std::string> row_of(const core::Account& life, const std::string& boot, const std::string& started,
                                const std::string& adds_up) {
  std::vector<std::string> row{boot, started};
  for (const std::uint64_t count : {life.lives, life.accepted, life.delivered, life.queued, life.dropped_full,
                                    life.dropped_expired, life.dropped_damaged, life.quarantined}) {
    row.push_back(std::to_string(count));
  }
  row.push_back(adds_up);
  return row;
}

/// Adds the numbers to what `object` has already.
JsonObject with_numbers(JsonObject object, const core::Account& life, bool adds_up) {
  return object.add("lives", life.lives)
      .add("accepted", life.accepted)
      .add("delivered", life.delivered)
      .add("queued", life.queued)
      .add("dropped_full", life.dropped_full)
      .add("dropped_expired", life.dropped_expired)
      .add("dropped_damaged", life.dropped_damaged)
      .add("quarantined", life.quarantined)
      .add("replayed", life.replayed)
      .add("adds_up", adds_up);
}

void print_json(const std::vector<core::Account>& lives, bool all_add_up) {
  std::vector<JsonObject> objects;
  objects.reserve(lives.size());
  for (const core::Account& life : lives) {
    objects.push_back(
        with_numbers(JsonObject().add("boot", life.boot).add("started", life.started), life, life.adds_up()));
  }
  std::cout << JsonObject()
                   .add("lives", objects)
                   .add("total", with_numbers({}, total_of(lives), all_add_up))
                   .add("adds_up", all_add_up)
                   .text()
            << '\n';
}

void print_table(const std::vector<core::Account>& lives, bool all_add_up) {
  std::vector<std::vector<std::string>> rows{{"boot", "started", "lives", "accepted", "delivered", "queued", "full",
                                              "expired", "damaged", "quarantined", "adds up"}};
  for (const core::Account& life : lives) {
    rows.push_back(row_of(life, std::to_string(life.boot), show_moment(life.started), verdict(life)));
  }
  rows.push_back(row_of(total_of(lives), "total", "", all_add_up ? "yes" : "NO"));
  std::vector<bool> left(rows.front().size(), false);
  left[0] = left[1] = left.back() = true;
  std::cout << table(rows, left);
}

int audit(Daemon& daemon, bool json) {
  const auto lives = daemon.accounts();
  if (!lives) return fail(lives.error());
  // Each life, not the sum: what is missing from one must not make up for what is too much in another.
  bool all_add_up = true;
  for (const core::Account& life : *lives) all_add_up = all_add_up && life.adds_up();
  if (json) {
    print_json(*lives, all_add_up);
  } else {
    print_table(*lives, all_add_up);
  }
  if (all_add_up) return EXIT_SUCCESS;
  complain("the account does not add up: accepted is not delivered + queued + dropped + quarantined");
  return EXIT_FAILURE;
}

}  // namespace

void add_audit(CLI::App& app, Command& command) {
  auto json = std::make_shared<bool>(false);
  CLI::App* sub =
      app.add_subcommand("audit", "what became of every message that was accepted; status 1 if any is missing");
  sub->add_flag("--json", *json, "print it as JSON");
  sub->callback([&command, json] { command = [json](Daemon& daemon) { return audit(daemon, *json); }; });
}

}  // namespace iotc_ha::cli
