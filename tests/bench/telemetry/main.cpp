// What the durable path for telemetry costs and carries, in one table, with the disk's own speed and a rival beside it.
// It sets everything up by itself, on the loopback network and a private bus: the lizard, the daemon of the same build,
// two mosquittos. As root, on a machine with nothing else to do; about five minutes:
//
//   cmake --preset release && cmake --build --preset release
//   sudo TMPDIR=/on/the/disk/in/question build/release/tests/bench/telemetry_bench
//
// --seconds N: how long each row hands in (5); --backlog N: messages of the long queue (864000, ten days of one a
// second). It prints and asserts nothing about time.

#include "agent.hpp"
#include "bridge.hpp"
#include "disk.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <string>

namespace iotc_ha::bench {
namespace {

struct Options {
  double seconds = 5;
  std::uint64_t backlog = 864'000;
};

void headline(const char* text) { std::printf("\n%s\n", text); }

void show_commits(const char* what, const Commits& commits) {
  std::printf("  %-58s %9.0f  median %.3f ms, p99 %.3f ms\n", what, rate(commits.size(), commits.sum()),
              commits.quantile_ms(0.5), commits.quantile_ms(0.99));
}

/// How fast the disk is at this moment: for a virtual one that changes from one minute to the next.
double commit_ms_now(const std::filesystem::path& folder) {
  return append_and_sync(folder, Seconds{0.3}).quantile_ms(0.5);
}

void show_row(const std::string& what, double messages_per_s, const StreamFigures& figures, double commit_ms,
              const char* aim) {
  std::printf("  %-58s %9.0f  %5.0f bytes a message written, %5.0f to the disk; a commit took %.2f ms%s\n",
              what.c_str(), messages_per_s, figures.per_message(figures.bytes_written),
              figures.per_message(figures.bytes_to_disk), commit_ms, aim);
  std::fflush(stdout);
}

void show_submit(const StreamFigures& figures, const char* more) {
  std::printf("    Submit: median %.3f ms, p99 %.3f ms%s\n", figures.calls.quantile_ms(0.5),
              figures.calls.quantile_ms(0.99), more);
  std::fflush(stdout);
}

/// In turns, a slice each, so that all of them meet the same disk.
void measure_machine_and_submit(const Options& options, const std::filesystem::path& folder, Agent& agent) {
  constexpr int k_slices = 10;
  const Seconds slice{options.seconds / k_slices};
  agent.begin_anew(true);
  Commits appended;
  Commits overwritten;
  Commits inserted;
  StreamFigures one;
  for (int i = 0; i < k_slices; ++i) {
    appended.add(append_and_sync(folder, slice));
    one.add(agent.hand_in({.time = slice}, true));
    overwritten.add(overwrite_and_sync(folder, slice));
    inserted.add(insert_and_commit(folder, slice));
  }
  headline("The machine                                                   commits/s");
  show_commits("write 4 KiB at the end of a file, fdatasync", appended);
  show_commits("write 4 KiB within a file, fdatasync", overwritten);
  show_commits("SQLite alone, WAL, FULL: a row a transaction", inserted);

  headline("iotc-ha: on disk when answered, deleted when the hub has it  messages/s");
  show_row("one caller, Submit", rate(one.messages, one.delivered_time), one, appended.quantile_ms(0.5), "");
  const double median_ms = one.calls.quantile_ms(0.5);
  std::array<char, 200> times{};
  std::snprintf(times.data(), times.size(),
                "; %.2f times the machine's commit at the end of a file, %.2f times SQLite's (aim: at most 1.5)",
                median_ms / appended.quantile_ms(0.5), median_ms / inserted.quantile_ms(0.5));
  show_submit(one, times.data());
}

void measure_many(const Options& options, const std::filesystem::path& folder, Agent& agent) {
  struct Row {
    const char* what;
    Stream stream;
    const char* aim;
  };
  const Seconds time{options.seconds};
  for (const Row& row :
       {Row{"16 callers, Submit", {.callers = 16, .time = time}, ""},
        Row{"one caller, SubmitMany of 100", {.at_once = 100, .time = time}, " (aim: at least 5000/s)"},
        Row{"the same, four calls under way", {.at_once = 100, .under_way = 4, .time = time}, ""}}) {
    agent.begin_anew(true);
    const double commit_ms = commit_ms_now(folder);
    const StreamFigures figures = agent.hand_in(row.stream, true);
    show_row(row.what, rate(figures.messages, figures.delivered_time), figures, commit_ms, row.aim);
    if (row.stream.at_once == 1) show_submit(figures, "");
  }
  headline("iotc-ha: into the spool alone, no hub                        messages/s");
  for (const Row& row :
       {Row{"one caller, SubmitMany of 100", {.at_once = 100, .time = time}, " (aim: at least 20000/s)"},
        Row{"the same, four calls under way", {.at_once = 100, .under_way = 4, .time = time}, ""}}) {
    agent.begin_anew(false);
    const double commit_ms = commit_ms_now(folder);
    const StreamFigures figures = agent.hand_in(row.stream, false);
    show_row(row.what, rate(figures.messages, figures.accepted_time), figures, commit_ms, row.aim);
  }
}

void measure_backlog(const Options& options, Agent& agent) {
  headline("iotc-ha: a long queue");
  agent.begin_anew(false);
  static_cast<void>(agent.hand_in({.most = 1}, false));
  std::printf("  peak memory with 1 message queued                          %9llu KiB\n",
              static_cast<unsigned long long>(agent.daemon().peak_resident_kib()));
  const StreamFigures filled =
      agent.hand_in({.at_once = 100, .under_way = 4, .time = std::chrono::minutes{10}, .most = options.backlog}, false);
  std::printf("  peak memory with %-8llu queued                           %9llu KiB  (queued at %.0f messages/s)\n",
              static_cast<unsigned long long>(agent.figure("Queued")),
              static_cast<unsigned long long>(agent.daemon().peak_resident_kib()),
              rate(filled.messages, filled.accepted_time));
  const Seconds start = agent.kill_and_start();
  std::printf("  from its start to the answer to the first Submit           %9.3f s  (aim: under 1 s)\n",
              start.count());
  agent.let_the_hub_in();
  const std::uint64_t before = agent.figure("Delivered");
  while (agent.figure("Delivered") == before) usleep(10'000);
  const auto begin = Clock::now();
  while (since(begin) < Seconds{2 * options.seconds} && agent.figure("Queued") > 0) usleep(100'000);
  std::printf("  through to the hub, from the long queue                    %9.0f messages/s\n",
              rate(agent.figure("Delivered") - before, since(begin)));
  std::printf("  peak memory since that start                               %9llu KiB\n",
              static_cast<unsigned long long>(agent.daemon().peak_resident_kib()));
  std::fflush(stdout);
}

void measure_bridge(const Options& options, const std::filesystem::path& folder, const std::string& address) {
  headline("mosquitto and its bridge, the same texts: acknowledged BEFORE  messages/s");
  std::printf("they are on disk, in every row\n");
  struct Row {
    const char* what;
    unsigned publishers;
    unsigned unanswered;
  };
  struct Saving {
    const char* what;
    const char* lines;
  };
  int number = 0;
  for (const Saving saving : {Saving{"autosave after every change", "autosave_interval 1\nautosave_on_changes true\n"},
                              Saving{"autosave as it comes (30 min)", ""}}) {
    for (const Row row : {Row{"one publisher", 1, 1}, Row{"16 publishers", 16, 1}, Row{"one, 100 under way", 1, 100}}) {
      const std::string what = std::string(saving.what) + ": " + row.what;
      const double commit_ms = commit_ms_now(folder);
      const BridgeFigures figures = run_bridge(folder / ("bridge-" + std::to_string(++number)), address,
                                               {.autosave = saving.lines,
                                                .publishers = row.publishers,
                                                .unanswered = row.unanswered,
                                                .publish_time = Seconds{options.seconds},
                                                .drain_limit = Seconds{6 * options.seconds}},
                                               text_of);
      std::printf(
          "  %-58s %9.0f  median %.3f ms; %.0f bytes a message to the disk; a commit took %.2f ms; %llu of %llu "
          "through\n",
          what.c_str(), figures.through_per_s, figures.publish.quantile_ms(0.5),
          static_cast<double>(figures.bytes_written) / static_cast<double>(figures.published), commit_ms,
          static_cast<unsigned long long>(figures.through), static_cast<unsigned long long>(figures.published));
      std::fflush(stdout);
    }
  }
}

int run(const Options& options) {
  const integration::Folder folder;
  std::printf("Telemetry, %ld processors, in %s\n", sysconf(_SC_NPROCESSORS_ONLN), folder.path().parent_path().c_str());
  Agent agent(folder.path());
  measure_machine_and_submit(options, folder.path(), agent);
  measure_many(options, folder.path(), agent);
  measure_backlog(options, agent);
  agent.stop();
  measure_bridge(options, folder.path(), agent.network().substr(0, agent.network().rfind('.')) + ".200");
  return 0;
}

}  // namespace
}  // namespace iotc_ha::bench

int main(int argc, char** argv) {
  iotc_ha::bench::Options options;
  CLI::App app("Prints what the durable path for telemetry costs and carries.");
  app.add_option("--seconds", options.seconds, "How long each row hands in")->check(CLI::Range(0.1, 3600.0));
  app.add_option("--backlog", options.backlog, "Messages of the long queue")->check(CLI::Range(100, 100'000'000));
  CLI11_PARSE(app, argc, argv);
  if (geteuid() != 0) {
    std::fprintf(stderr, "needs root: the virtual Azure listens on port 443, as the real one does\n");
    return 1;
  }
  try {
    return iotc_ha::bench::run(options);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "telemetry_bench: %s\n", failure.what());
    return 1;
  }
}
