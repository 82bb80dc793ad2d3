#include "run.hpp"

#include "answers.hpp"
#include "configuration.hpp"
#include "control.hpp"
#include "lizard.hpp"
#include "record_json.hpp"
#include "window.hpp"

#include <iotc_ha/azure/mqtt.hpp>

#include <nlohmann/json.hpp>
#include <systemd/sd-daemon.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace iotc_ha::lizard {
namespace {

constexpr const char* k_device_id = "failover-linux";
constexpr const char* k_model_id = "dtmi:Sample:Failover;1";

void print(const std::string& text) {
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
}

/// 10:00:00.000 of an ISO 8601 text
std::string clock_of(core::WallTime time) { return azure::iso8601_utc(time).substr(11, 12); }

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

class Narrator : public Witness {
 public:
  Narrator(Lizard& lizard, bool as_json)
      : lizard_(lizard),
        as_json_(as_json),
        answers_(lizard),
        control_([this](const std::string& request, Reply& reply) { answers_.answer(request, reply); }),
        window_(lizard, answers_) {}

  core::Result<void> prepared() override {
    if (auto opened = control_.open(control_path(lizard_.settings().state_dir)); !opened) return opened;
    return window_.open();
  }

  void ready() override {
    const Settings& settings = lizard_.settings();
    const std::string configuration = device_configuration(settings, k_device_id, k_model_id);
    const std::string url = window_url(settings);
    // Under systemd the text would go to the journal, where keys have no place.
    const bool is_service = std::getenv("NOTIFY_SOCKET") != nullptr;  // NOLINT(concurrency-mt-unsafe)
    if (as_json_) {
      nlohmann::ordered_json line{{"event", "ready"}, {"state_dir", settings.state_dir}};
      line["window"] = url.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(url);
      if (!is_service) line["config"] = configuration;
      print(line.dump());
    } else if (is_service) {
      print("The virtual Azure is up. 'iotc-ha-lizard config' writes a configuration for iotc-had.");
      if (!url.empty()) print("Window: " + url);
    } else {
      print("The virtual Azure is up. In /etc/iotc-ha.conf:\n\n" + configuration);
      print("State directory (for the other commands): " + settings.state_dir);
      print("IoT Central token: " + settings.central_token.reveal());
      if (!url.empty()) print("Window for a browser on this machine: " + url);
      print("");
    }
    sd_notify(0, "READY=1\nSTATUS=The virtual Azure is up");
  }

  void saw(const Occurrence& occurrence) override {
    if (lizard_.settings().quiet) return;
    if (as_json_) return print(json_line(occurrence));
    std::string line = clock_of(occurrence.time) + "  " + padded(occurrence.event, 13);
    for (const std::string& part : {occurrence.device, occurrence.hub, occurrence.detail}) {
      if (!part.empty()) line += " " + part;
    }
    print(line);
  }

  void took(const Received& message) override {
    const std::string hub =
        lizard_.look([&](const Cloud& cloud, auto&, auto) { return cloud.hubs()[message.hub].name; });
    if (as_json_) return print(json_line(message, hub));
    print(clock_of(message.time) + "  " + padded("telemetry", 13) + " " + message.device + " " + hub + " " +
          message.body);
  }

 private:
  Lizard& lizard_;
  bool as_json_;
  Answers answers_;
  ControlServer control_;
  Window window_;
};

}  // namespace

int run(Settings settings, bool as_json) {
  // For signalfd, and before there are any threads to inherit it.
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&watched, number);
  pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL

  std::error_code error;
  std::filesystem::create_directories(settings.state_dir, error);
  if (error) {
    std::fprintf(stderr, "iotc-ha-lizard: cannot make %s: %s\n", settings.state_dir.c_str(), error.message().c_str());
    return 1;
  }
  settings.state_dir = std::filesystem::absolute(settings.state_dir).lexically_normal().string();

  Lizard lizard(std::move(settings));
  Narrator narrator(lizard, as_json);
  const auto done = lizard.run(narrator);
  if (done) return 0;
  std::fprintf(stderr, "iotc-ha-lizard: %s\n", done.error().what.c_str());
  return 1;
}

}  // namespace iotc_ha::lizard
