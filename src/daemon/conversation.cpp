#include "conversation.hpp"

#include <iotc_ha/azure/twin.hpp>

#include <random>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using namespace std::chrono_literals;
using runtime::Severity;

/// A living hub answers a twin request in well under a second; a throttled one answers 429 just as fast.
constexpr auto k_answer_limit = 30s;
/// After 429 or 5xx: "retry 10-60 s jittered".
constexpr std::chrono::milliseconds k_twin_retry_min = 10s;
constexpr std::chrono::milliseconds k_twin_retry_spread = 50s;

std::uint64_t random_number() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

}  // namespace

Conversation::Conversation(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, Uplink& uplink,
                           const Settings& settings, std::function<void(core::AttemptId, core::Error)> on_silent)
    : loop_(loop),
      journal_(journal),
      sessions_(sessions),
      uplink_(uplink),
      settings_(settings),
      on_silent_(std::move(on_silent)),
      sensors_("/sys", random_number()),
      telemetry_timer_(loop.make_timer([this] { produce_telemetry(); })),
      battery_timer_(loop.make_timer([this] { send_battery(); })),
      silence_timer_(loop.make_timer([this] { look_for_silence(); })),
      twin_retry_timer_(loop.make_timer([this] { ask_for_twin(); })) {}

void Conversation::begin() { produce_telemetry(); }

void Conversation::stop() { telemetry_timer_->disarm(); }

void Conversation::settings_changed() {
  produce_telemetry();
  send_battery();
}

void Conversation::session_opened(core::AttemptId attempt, const std::string& twin_json) {
  session_ended();
  session_ = Session{attempt};
  take_desired(azure::desired_of_twin(twin_json));
  send_battery();
}

void Conversation::session_ended() {
  if (!session_) return;
  session_.reset();
  questions_.clear();  // answers are lost with the session; the next one begins with the whole twin
  battery_timer_->disarm();
  silence_timer_->disarm();
  twin_retry_timer_->disarm();
}

// ---- Telemetry

void Conversation::produce_telemetry() {
  const config::Sample& sample = settings_.config.sample;
  if (!sample.telemetry_send) return telemetry_timer_->disarm();
  const auto temp = sensors_.temp();
  const auto humidity = sensors_.humidity();
  core::Submission message;
  message.body = device::telemetry_body(temp, humidity);
  message.created = loop_.wall_now();
  uplink_.submit({std::move(message)}, [this](const core::Result<core::Sequences>& accepted) {
    if (accepted) return not_accepted_.over();
    if (!not_accepted_.again()) return;
    journal_.write(Severity::Error, "telemetry of the sample was not accepted (" +
                                        std::to_string(not_accepted_.count()) + " in a row): " + accepted.error().what);
  });
  telemetry_timer_->arm(loop_.now() + sample.telemetry_period);
}

// ---- Silence

void Conversation::look_for_silence() {
  if (!session_ || questions_.empty()) return silence_timer_->disarm();
  const core::Instant due = questions_.begin()->second.asked_at + k_answer_limit;
  if (loop_.now() < due) return silence_timer_->arm(due);
  on_silent_(session_->attempt, {core::Fault::Silent, "has not answered about the twin in time", {}});
}

// ---- Twin

void Conversation::report(Question::Kind kind, std::string patch) {
  const std::uint64_t rid = ++rid_;
  questions_.emplace(rid, Question{kind, loop_.now()});
  sessions_.report(session_->attempt, rid, std::move(patch));
  look_for_silence();
}

void Conversation::ask_for_twin() {
  if (!session_) return;
  const std::uint64_t rid = ++rid_;
  questions_.emplace(rid, Question{Question::Kind::Twin, loop_.now()});
  sessions_.get_twin(session_->attempt, rid);
  look_for_silence();
}

void Conversation::send_battery() {
  const config::Sample& sample = settings_.config.sample;
  if (!session_ || !sample.reported_property_send) return battery_timer_->disarm();
  report(Question::Kind::Battery, device::battery_patch(sensors_.battery()));
  battery_timer_->arm(loop_.now() + sample.reported_property_period);
}

void Conversation::take_desired(const core::Result<azure::DesiredDocument>& document) {
  if (!settings_.config.sample.desired_property_receive) return;
  if (!document) {
    journal_.write(Severity::Error, "cannot read the desired properties: " + document.error().what);
    return;
  }
  session_->desired_version = document->version;
  if (document->properties.empty()) return;
  const device::DesiredOutcome outcome = device::apply_desired(*document);
  journal_.write(Severity::Info, outcome.journal);
  auto patch = azure::acknowledgement_patch(outcome.acknowledgements);
  if (!patch) {
    journal_.write(Severity::Error, "cannot acknowledge the desired properties: " + patch.error().what);
    return;
  }
  report(Question::Kind::Acknowledgements, std::move(*patch));
}

void Conversation::on(const hub::DesiredPatched& notice) {
  if (!session_ || notice.attempt != session_->attempt) return;
  const auto patch = azure::desired_of_patch(notice.patch_json);
  if (patch && patch->version <= session_->desired_version) return;  // the twin that was read has it already
  if (patch && patch->version > session_->desired_version + 1) {
    journal_.write(Severity::Info, "a desired patch is missing before version " + std::to_string(patch->version) +
                                       "; reading the whole twin");
    return ask_for_twin();
  }
  take_desired(patch);
}

void Conversation::on(const hub::TwinAnswered& notice) {
  if (!session_ || notice.attempt != session_->attempt) return;
  const auto question = questions_.find(notice.rid);
  if (question == questions_.end()) return;
  const Question::Kind kind = question->second.kind;
  questions_.erase(question);
  look_for_silence();
  if (notice.status < 200 || notice.status > 299) return refused(notice, kind);
  if (kind == Question::Kind::Twin) take_desired(azure::desired_of_twin(notice.body));
}

void Conversation::refused(const hub::TwinAnswered& answer, Question::Kind kind) {
  const bool later = answer.status == 429 || answer.status >= 500;
  const char* what = kind == Question::Kind::Battery            ? "the reported battery"
                     : kind == Question::Kind::Acknowledgements ? "the acknowledgement of desired properties"
                                                                : "the request for the twin";
  journal_.write(later ? Severity::Warning : Severity::Error,
                 std::string{"the hub refused "} + what + " with status " + std::to_string(answer.status));
  // The battery is sent again at its next period. Everything else begins with the whole twin; a request that the hub
  // finds wrong would be as wrong a second time.
  if (!later || kind == Question::Kind::Battery) return;
  const auto spread =
      static_cast<std::int64_t>(random_number() % static_cast<std::uint64_t>(k_twin_retry_spread.count()));
  twin_retry_timer_->arm(loop_.now() + k_twin_retry_min + std::chrono::milliseconds{spread});
}

// ---- Commands

void Conversation::on(const hub::MethodInvoked& notice) {
  if (!session_ || notice.attempt != session_->attempt) return;
  const device::MethodAnswer answer =
      settings_.config.sample.direct_method_receive
          ? device::answer_method(notice.name, notice.payload)
          : device::MethodAnswer{503, R"({"error":"direct methods are switched off on this device"})",
                                 "direct method refused: switched off in [sample]"};
  journal_.write(Severity::Info, answer.journal);
  sessions_.answer_method(notice.attempt, notice.rid, answer.status, answer.json);
}

void Conversation::on(const hub::CommandReceived& notice) {
  if (!settings_.config.sample.c2d_command_receive) {
    journal_.write(Severity::Info, "a C2D message was taken and ignored: switched off in [sample]");
    return;
  }
  const device::CommandOutcome outcome = device::take_command(notice.properties, notice.payload);
  journal_.write(outcome.known ? Severity::Info : Severity::Warning, outcome.journal);
}

}  // namespace iotc_ha::daemon
