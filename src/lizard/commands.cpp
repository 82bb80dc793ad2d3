#include "commands.hpp"

#include "configuration.hpp"
#include "control.hpp"
#include "files.hpp"
#include "hex.hpp"
#include "print.hpp"
#include "run.hpp"
#include "run_options.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace iotc_ha::lizard {
namespace {

using nlohmann::ordered_json;

/// What every command has.
struct Common {
  std::string state_dir = default_state_dir();
  bool json = false;
};

int fail(const Common& common, const std::string& what) {
  if (common.json) {
    std::cout << ordered_json{{"error", what}}.dump() << std::endl;
  } else {
    std::cerr << "iotc-ha-lizard: " << what << std::endl;
  }
  return 1;
}

/// Sends a request; prints each line of the answer with `show`, or as it is with --json.
int request(const Common& common, const ordered_json& question, const std::function<void(const ordered_json&)>& show) {
  if (common.state_dir.empty()) {
    return fail(common, "neither --state-dir nor IOTC_HA_LIZARD_STATE nor XDG_RUNTIME_DIR says where the lizard is");
  }
  int status = 0;
  const auto asked = ask(common.state_dir, question.dump(), [&](const std::string& line) {
    const ordered_json answer = ordered_json::parse(line, nullptr, false);
    if (answer.is_object() && answer.size() == 1 && answer.contains("error")) {
      status = fail(common, answer["error"].get<std::string>());
    } else if (common.json) {
      std::cout << line << std::endl;
    } else {
      show(answer);
    }
    return static_cast<bool>(std::cout);  // a pipe that was closed ends a --follow
  });
  return asked ? status : fail(common, asked.error().what);
}

void say_nothing(const ordered_json&) {}

/// The command line as a whole: each command adds itself, and leaves what is to be done in `action`.
class CommandLine {
 public:
  CommandLine();
  int parse(int argc, const char* const* argv);

 private:
  CLI::App* add(const std::string& name, const std::string& description);
  void on(CLI::App* command, std::function<int()> action) {
    command->callback([this, action = std::move(action)] { status_ = action(); });
  }
  /// Adds the payload under this key, or what stands in the file, and sends the request.
  int request_with(ordered_json question, const char* key, const std::function<void(const ordered_json&)>& show) const;
  void add_run();
  void add_config();
  void add_attacks();
  void add_devices();
  void add_twins();
  void add_messages();
  void add_records();

  CLI::App app_{
      "A virtual Azure on this machine: a Device Provisioning Service, IoT hubs, and a lizard that attacks "
      "them. Everything listens on loopback addresses only.",
      "iotc-ha-lizard"};
  Common common_;
  int status_ = 0;

  RunOptions run_options_;

  std::string device_;
  std::string hub_;
  std::string name_;
  std::string payload_;
  std::string how_ = "kill";
  std::string method_name_;
  std::string output_;
  std::string model_id_ = "dtmi:Sample:Failover;1";
  std::vector<std::string> properties_;
  int code_ = 3;
  double timeout_s_ = 30;
  std::int64_t ttl_s_ = 0;
  std::int64_t throttle_retry_after_s_ = 10;
  std::int64_t for_s_ = 0;
  std::uint64_t since_ = 0;
  std::uint64_t limit_ = 0;
  std::string file_;
  std::string message_id_;
  bool off_ = false;
  bool twins_ = false;
  bool lost_ = false;
  bool follow_ = false;
  bool count_ = false;
};

CommandLine::CommandLine() {
  app_.require_subcommand(1);
  app_.set_version_flag("--version", "iotc-ha-lizard " IOTC_HA_VERSION);
  add_run();
  add_config();
  add_attacks();
  add_devices();
  add_twins();
  add_messages();
  add_records();
}

CLI::App* CommandLine::add(const std::string& name, const std::string& description) {
  CLI::App* command = app_.add_subcommand(name, description);
  command->add_option("--state-dir", common_.state_dir, "Where the lizard keeps its state (also IOTC_HA_LIZARD_STATE)");
  command->add_flag("--json", common_.json, "Print JSON");
  return command;
}

int CommandLine::request_with(ordered_json question, const char* key,
                              const std::function<void(const ordered_json&)>& show) const {
  question[key] = payload_;
  if (!file_.empty()) {
    const auto bytes = read_file(file_);
    if (!bytes) return fail(common_, bytes.error().what);
    question["hex"] = to_hex(*bytes);
  }
  return request(common_, question, show);
}

void CommandLine::add_run() {
  CLI::App* run = add("run", "Start the virtual Azure and stay in the foreground");
  run_options_.add_to(*run);
  on(run, [this] {
    if (common_.state_dir.empty()) {
      return fail(common_, "neither XDG_RUNTIME_DIR nor --state-dir says where to keep the state");
    }
    const auto settings = run_options_.settings(common_.state_dir);
    return settings ? lizard::run(*settings, common_.json) : fail(common_, settings.error().what);
  });
}

void CommandLine::add_config() {
  CLI::App* config = add("config", "Print or write a configuration for iotc-had");
  device_ = "failover-linux";
  config->add_option("--device", device_, "Device id")->capture_default_str();
  config->add_option("--model", model_id_, "Model id")->capture_default_str();
  config->add_option("--output", output_, "File to write, mode 0640; one that exists keeps its owner and mode");
  on(config, [this] {
    std::string text;
    Common quiet = common_;
    quiet.json = false;
    const ordered_json question{{"command", "config"}, {"device", device_}, {"model", model_id_}};
    if (const int status = request(common_.json ? common_ : quiet, question,
                                   [&text](const ordered_json& answer) { text = answer.value("config", ""); });
        status != 0 || common_.json) {
      return status;
    }
    if (output_.empty()) {
      std::cout << text;
      return 0;
    }
    const auto written = write_file(output_, text, 0640);
    return written ? 0 : fail(common_, written.error().what);
  });
}

void CommandLine::add_attacks() {
  CLI::App* attack = add("attack", "Attack a hub, or DPS");
  attack->add_option("hub", hub_, "hub-a, hub-b ... or dps")->required();
  attack
      ->add_option("--how", how_,
                   "kill: connections are reset and then refused; unplug: connections stay open and nothing answers; "
                   "refuse: sessions are dropped and CONNECT is refused (DPS: 503); drop: sessions are dropped once")
      ->check(CLI::IsMember({"kill", "unplug", "refuse", "drop"}))
      ->capture_default_str();
  attack->add_option("--code", code_, "CONNACK code of --how refuse")
      ->check(CLI::IsMember({3, 5}))
      ->capture_default_str();
  on(attack, [this] {
    return request(common_, {{"command", "attack"}, {"target", hub_}, {"how", how_}, {"code", code_}}, say_nothing);
  });

  CLI::App* revive = add("revive", "Undo all attacks on a hub, on DPS, or on everything");
  revive->add_option("hub", hub_, "hub-a, hub-b ..., dps or all")->required();
  on(revive, [this] { return request(common_, {{"command", "revive"}, {"target", hub_}}, say_nothing); });

  CLI::App* throttle = add("throttle", "Let DPS answer 429, or hubs about twins");
  throttle->add_option("--retry-after", throttle_retry_after_s_, "Seconds said in Retry-After")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{86400}))
      ->capture_default_str();
  auto* span = throttle->add_option("--for", for_s_, "Seconds after which it ends (default: with --off)")
                   ->check(CLI::Range(std::int64_t{1}, std::int64_t{86400}));
  throttle->add_flag("--off", off_, "End it")->excludes(span);
  throttle->add_flag("--twins", twins_, "Hubs, until --twins --off")->excludes(span);
  on(throttle, [this] {
    ordered_json question{
        {"command", "throttle"}, {"off", off_}, {"twins", twins_}, {"retry_after", throttle_retry_after_s_}};
    if (for_s_ > 0) question["for"] = for_s_;
    return request(common_, question, say_nothing);
  });

  CLI::App* poison = add("poison", "Let every hub drop the session of a device that sends this text");
  auto* text = poison->add_option("text", payload_, "What makes a body poison, wherever it stands in it");
  poison->add_flag("--off", off_, "Let hubs take everything again")->excludes(text);
  on(poison, [this] {
    if (!off_ && payload_.empty()) return fail(common_, "neither a text nor --off was given");
    return request(common_, {{"command", "poison"}, {"text", payload_}}, say_nothing);
  });
}

void CommandLine::add_devices() {
  CLI::App* move = add("move", "Assign a device to another hub; its session on the old one is dropped");
  move->add_option("device", device_, "Device id")->required();
  move->add_option("hub", hub_, "The new hub")->required();
  move->add_option("--ttl", ttl_s_, "Seconds after which it moves back by itself")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{2'592'000}));
  on(move, [this] {
    ordered_json question{{"command", "move"}, {"device", device_}, {"hub", hub_}};
    if (ttl_s_ > 0) question["ttl"] = ttl_s_;
    return request(common_, question, say_nothing);
  });
  for (const auto& [name, description] :
       {std::pair{"disable", "Disable a device: its session is dropped and it is refused"},
        std::pair{"enable", "Enable a device again"}}) {
    CLI::App* command = add(name, description);
    command->add_option("device", device_, "Device id")->required();
    on(command, [this, name = std::string(name)] {
      return request(common_, {{"command", name}, {"device", device_}}, say_nothing);
    });
  }
}

void CommandLine::add_twins() {
  CLI::App* desired = add("desired", "Change desired properties");
  desired->add_option("device", device_, "Device id")->required();
  auto* patch = desired->add_option("json", payload_, "Merge patch, e.g. '{\"fanSpeed\":42}'");
  desired->add_option("--file", file_, "Send the device what stands in this file, and leave the twin as it is")
      ->excludes(patch);
  desired->add_flag("--lost", lost_, "Do not tell the device, as a hub that loses the patch")->excludes("--file");
  on(desired, [this] {
    return request_with({{"command", "desired"}, {"device", device_}, {"lost", lost_}}, "patch",
                        [](const ordered_json& answer) {
                          if (answer.contains("version")) std::cout << "version " << answer["version"] << "\n";
                        });
  });
  CLI::App* twin = add("twin", "Print a device's twin");
  twin->add_option("device", device_, "Device id")->required();
  on(twin, [this] {
    return request(common_, {{"command", "twin"}, {"device", device_}},
                   [](const ordered_json& answer) { std::cout << answer.dump(2) << "\n"; });
  });
}

void CommandLine::add_messages() {
  CLI::App* command = add("command", "Call a direct method and wait for the answer");
  command->add_option("device", device_, "Device id")->required();
  command->add_option("name", name_, "Method, e.g. echo")->required();
  auto* payload = command->add_option("json", payload_, "Payload");
  command->add_option("--file", file_, "A file with the payload, whatever it is")->excludes(payload);
  command->add_option("--timeout", timeout_s_, "Seconds to wait")->check(CLI::Range(0.1, 300.0))->capture_default_str();
  on(command, [this] {
    if (!payload_.empty() && !ordered_json::accept(payload_)) return fail(common_, "the payload is not JSON");
    const auto timeout_ms = static_cast<std::int64_t>(timeout_s_ * 1000);
    const ordered_json question{
        {"command", "command"}, {"device", device_}, {"method", name_}, {"timeout_ms", timeout_ms}};
    return request_with(question, "payload", [](const ordered_json& answer) {
      std::cout << answer.at("status") << " " << answer.at("payload").dump() << "\n";
    });
  });

  CLI::App* c2d = add("c2d", "Queue a message to a device (an offline command of IoT Central)");
  c2d->add_option("device", device_, "Device id")->required();
  auto* body = c2d->add_option("json", payload_, "Body, e.g. '\"14:30\"'");
  c2d->add_option("--file", file_, "A file with the body, whatever it is")->excludes(body);
  c2d->add_option("--message-id", message_id_, "Its id (default: a new one)");
  c2d->add_option("--method-name", method_name_, "The command, e.g. setAlarm");
  c2d->add_option("--property", properties_, "Application property, key=value (may be repeated)");
  on(c2d, [this] {
    ordered_json properties = ordered_json::array();
    if (!method_name_.empty()) properties.push_back({"method-name", method_name_});
    for (const std::string& property : properties_) {
      const std::size_t at = property.find('=');
      if (at == std::string::npos || at == 0) return fail(common_, "--property '" + property + "': expected key=value");
      properties.push_back({property.substr(0, at), property.substr(at + 1)});
    }
    const ordered_json question{
        {"command", "c2d"}, {"device", device_}, {"message_id", message_id_}, {"properties", properties}};
    return request_with(question, "body",
                        [](const ordered_json& answer) { std::cout << answer.at("mid").get<std::string>() << "\n"; });
  });
}

void CommandLine::add_records() {
  CLI::App* status = add("status", "Print the state of DPS, hubs and devices");
  on(status, [this] { return request(common_, {{"command", "status"}}, print_status); });

  CLI::App* telemetry = add("telemetry", "Print the telemetry that the hubs have taken");
  telemetry->add_option("--device", name_, "Of this device only");
  telemetry->add_option("--hub", hub_, "Of this hub only");
  telemetry->add_option("--since", since_, "After this sequence number");
  auto* limit = telemetry->add_option("--limit", limit_, "No more than so many")->check(CLI::Range(1, 100'000'000));
  auto* follow = telemetry->add_flag("--follow", follow_, "Go on with what is still to come");
  telemetry->add_flag("--count", count_, "Print their number only")->excludes(follow)->excludes(limit);
  on(telemetry, [this] {
    ordered_json question{{"command", "telemetry"}, {"device", name_},   {"hub", hub_},
                          {"since", since_},        {"follow", follow_}, {"count", count_}};
    if (limit_ > 0) question["limit"] = limit_;
    return request(common_, question, count_ ? print_count : print_telemetry);
  });

  CLI::App* events = add("events", "Print what has happened");
  events->add_option("--since", since_, "After this sequence number");
  events->add_flag("--follow", follow_, "Go on with what is still to come");
  on(events, [this] {
    return request(common_, {{"command", "events"}, {"since", since_}, {"follow", follow_}}, print_event);
  });
}

int CommandLine::parse(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? 0 : 2;
  }
  return status_;
}

}  // namespace

int command_line(int argc, const char* const* argv) {
  CommandLine commands;
  return commands.parse(argc, argv);
}

}  // namespace iotc_ha::lizard
