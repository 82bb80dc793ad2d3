// What a lost hub means for a fleet and for the services that it shares: 100,000 devices in simulated time, those of
// the real core beside models of what the samples on Microsoft's SDKs do. Some minutes on one processor, and no
// network:
//
//   cmake --preset release && cmake --build --preset release --target fleet_bench
//   build/release/tests/bench/fleet/fleet_bench --write tests/bench/fleet
//
// It prints tables, writes them and a plot to the folder that --write names, and asserts nothing.

#include "core_device.hpp"
#include "plot.hpp"
#include "sdk_device.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

namespace iotc_ha::bench {
namespace {

struct Options {
  std::uint32_t devices = 100'000;
  std::uint64_t seed = 1;
  std::filesystem::path write;
  std::string only;
  std::string policy;
};

/// One table: the policies in one scenario.
struct Table {
  std::string title;
  Scenario scenario;
  bool sdks = true;
};

/// Of 100,000 devices these are the services' limits; a smaller fleet has smaller ones, so that everything takes as
/// long.
Scenario hub_dies(std::uint32_t devices, std::uint64_t seed) {
  Scenario scenario;
  const auto scaled = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(std::lround(limit * (devices / 100'000.0)));
  };
  scenario.devices = devices;
  scenario.seed = seed;
  scenario.registrations_per_minute = scaled(scenario.registrations_per_minute);
  scenario.connections_per_second = scaled(scenario.connections_per_second);
  return scenario;
}

std::vector<Table> tables(const Options& options) {
  using namespace std::chrono_literals;
  const Scenario dies = hub_dies(options.devices, options.seed);
  Scenario told = dies;
  told.retry_after = 60s;
  Scenario by_the_minute = dies;
  by_the_minute.counting = Counting::Minute;
  // Nobody comes back, so it takes as long as it is given.
  Scenario strict = hub_dies(std::max(options.devices / 20, 1'000U), options.seed);
  strict.counting = Counting::Strict;
  strict.at_most = 3h;
  Scenario restarts = dies;
  restarts.disaster = Scenario::Disaster::HubRestarts;
  Scenario refuses = restarts;
  refuses.when_full = Scenario::WhenFull::Refuses;
  return {{"hub dies; DPS: 429 without Retry-After", dies},
          {"hub dies; DPS: 429 with Retry-After 60 s", told},
          {"hub dies; DPS: the first so many of each minute of the clock", by_the_minute, false},
          {"hub dies; DPS counts refused requests too (a twentieth of the fleet and of the limits)", strict, false},
          {"hub restarts within 10 s, and closes connections above its limit", restarts},
          {"hub restarts within 10 s, and answers CONNACK 3 above its limit", refuses}};
}

std::string minutes(const std::optional<std::chrono::duration<double>>& time) {
  if (!time) return "never";
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%.1f", time->count() / 60);
  return text.data();
}

std::string row(const Scenario& scenario, const Line& line) {
  const Outcome& outcome = line.outcome;
  const auto per_device = [&](std::uint64_t count) { return static_cast<double>(count) / scenario.devices; };
  const std::string ratio =
      outcome.all ? std::to_string(*outcome.all / scenario.limit()).substr(0, 4) : std::string("-");
  std::array<char, 300> text{};
  std::snprintf(text.data(), text.size(),
                "| %-12s | %8s | %8s | %8s | %7s | %13.2f | %12.1f | %8.2f | %9.2f | %14.2f |\n", line.name.c_str(),
                minutes(outcome.half).c_str(), minutes(outcome.most).c_str(), minutes(outcome.all).c_str(),
                ratio.c_str(), per_device(outcome.registers_taken), per_device(outcome.registers),
                per_device(outcome.polls), per_device(outcome.connects), per_device(outcome.connects_taken));
  return text.data();
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  void run() {
    std::string all;
    for (const Table& table : tables(options_)) {
      if (!options_.only.empty() && table.title.find(options_.only) == std::string::npos) continue;
      const auto say = [&](const std::string& text) {
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
        all += text;
      };
      std::array<char, 200> limit{};
      std::snprintf(limit.data(), limit.size(), " (at the soonest all are back after %.1f min)",
                    table.scenario.limit().count() / 60);
      say("\n**" + table.title + "**" + limit.data() + "\n\n");
      say("| policy       | half min |  99% min |  all min | / limit | registrations | DPS requests |    polls |  "
          "connects "
          "| connects taken |\n"
          "|--------------|---------:|---------:|---------:|--------:|--------------:|-------------:|---------:|-------"
          "---:"
          "|---------------:|\n");
      std::vector<Line> lines = measure(table, say);
      if (options_.write.empty()) continue;
      if (!plotted_) std::ofstream(options_.write / "fleet.svg") << plot(table.scenario, lines);
      plotted_ = true;
    }
    if (!options_.write.empty()) std::ofstream(options_.write / "fleet.md") << all;
  }

 private:
  template <typename Say>
  std::vector<Line> measure(const Table& table, const Say& say) const {
    std::vector<Line> lines;
    const auto add = [&](const std::string& name, const Fleet::Make& make) {
      if (!options_.policy.empty() && options_.policy != name) return;
      const auto begin = std::chrono::steady_clock::now();
      lines.push_back({name, Fleet(table.scenario, make).run()});
      say(row(table.scenario, lines.back()));
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      std::fprintf(stderr, "%s: %.1f s\n", name.c_str(), took.count());
    };
    CoreRules fast(core::Policy::fast());
    CoreRules polite(core::Policy::polite());
    add("fast", [&] { return std::make_unique<CoreDevice>(fast); });
    add("polite", [&] { return std::make_unique<CoreDevice>(polite); });
    if (!table.sdks) return lines;
    for (const auto& [name, policy] :
         std::initializer_list<std::pair<const char*, SdkPolicy>>{{"C SDK", SdkPolicy::c()},
                                                                  {"Node SDK", SdkPolicy::node()},
                                                                  {"Python SDK", SdkPolicy::python()},
                                                                  {"C# SDK", SdkPolicy::csharp()}}) {
      add(name, [&policy = policy] { return std::make_unique<SdkDevice>(policy); });
    }
    return lines;
  }

  Options options_;
  bool plotted_ = false;
};

}  // namespace
}  // namespace iotc_ha::bench

int main(int argc, char** argv) {
  iotc_ha::bench::Options options;
  CLI::App app("Prints what a lost hub means for a fleet and for the services that it shares.");
  app.add_option("--devices", options.devices, "How many there are; the services' limits go with it")
      ->check(CLI::Range(1'000, 1'000'000));
  app.add_option("--seed", options.seed, "Of all chance");
  app.add_option("--only", options.only, "The tables whose titles have this in them");
  app.add_option("--policy", options.policy, "Only this row of each");
  app.add_option("--write", options.write, "Folder for fleet.md and fleet.svg")->check(CLI::ExistingDirectory);
  CLI11_PARSE(app, argc, argv);
  try {
    iotc_ha::bench::Bench(options).run();
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "fleet_bench: %s\n", failure.what());
    return 1;
  }
}
