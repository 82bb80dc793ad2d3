#include "twin.hpp"

#include <iotc_ha/azure/text.hpp>
#include <iotc_ha/azure/twin.hpp>
#include <iotc_ha/device/sample.hpp>

#include <algorithm>
#include <utility>

namespace iotc_ha::daemon {
namespace {

using namespace std::chrono_literals;
using runtime::Severity;

/// After 429 or 5xx: "retry 10-60 s jittered".
constexpr std::chrono::milliseconds k_retry_min = 10s;
constexpr std::chrono::milliseconds k_retry_max = 60s;

std::string find(const std::map<std::string, std::string>& documents, const std::string& name) {
  const auto found = documents.find(name);
  return found == documents.end() ? std::string{} : found->second;
}

}  // namespace

Twin::Twin(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, spool::Store& store,
           const Settings& settings, Watch& watch, Listener listener)
    : loop_(loop),
      journal_(journal),
      sessions_(sessions),
      store_(store),
      settings_(settings),
      watch_(watch),
      listener_(std::move(listener)),
      retry_timer_(loop.make_timer([this] { retry(); })) {}

void Twin::begin(const std::map<std::string, std::string>& documents) {
  reported_ = azure::Reported(find(documents, k_reported));
  desired_ = azure::Desired(find(documents, k_desired));
  kept_desired_ = desired_.text();
  told_unacknowledged_ = unacknowledged();
}

void Twin::forget() {
  begin({});
  listener_.unacknowledged_changed();
}

void Twin::settings_changed() {
  const auto waiting = desired_.waiting();
  if (waiting.empty()) return;
  let_sample_answer(waiting);
  keep_desired();
}

void Twin::session_opened(core::AttemptId attempt, const std::string& hub) {
  session_ended();
  session_ = Session{attempt, hub, false, {}};
  ask_for_twin();
}

void Twin::session_ended() {
  session_.reset();
  reported_.session_ended();
  questions_.clear();  // answers are lost with the session; the next one begins with the whole twin
  failures_ = 0;
  throttled_ = false;
  twin_wanted_ = false;
  retry_timer_->disarm();
}

// ---- Questions to the hub

void Twin::ask(Question question, std::size_t bytes, const std::function<void(std::uint64_t rid)>& send) {
  const std::uint64_t rid = ++rid_;
  questions_.emplace(rid, question);
  watch_.asked(core::LinkWatch::Question::Twin, rid, bytes);
  send(rid);
}

bool Twin::is_asked(Question question) const {
  return std::any_of(questions_.begin(), questions_.end(), [&](const auto& each) { return each.second == question; });
}

void Twin::ask_for_twin() {
  if (!session_) return;
  twin_wanted_ = throttled_ || is_asked(Question::Twin);
  if (twin_wanted_) return;
  ask(Question::Twin, 0, [this](std::uint64_t rid) { sessions_.get_twin(session_->attempt, rid); });
}

void Twin::probe() {
  // One that is under way is not made quicker by another.
  if (!session_ || is_asked(Question::Twin) || is_asked(Question::Probe)) return;
  ask(Question::Probe, 0, [this](std::uint64_t rid) { sessions_.get_twin(session_->attempt, rid); });
}

void Twin::send_reported() {
  if (!session_ || throttled_) return;
  auto patch = reported_.next();
  if (!patch) return;
  ask(Question::Report, patch->size(),
      [&](std::uint64_t rid) { sessions_.report(session_->attempt, rid, std::move(*patch)); });
}

void Twin::on(const hub::TwinAnswered& notice) {
  if (!session_ || notice.attempt != session_->attempt) return;
  const auto found = questions_.find(notice.rid);
  if (found == questions_.end()) return;
  const Question question = found->second;
  questions_.erase(found);
  watch_.answered(core::LinkWatch::Question::Twin, notice.rid);
  answered(notice, question);
  if (session_ && quiet()) listener_.quiet(session_->attempt);
}

void Twin::answered(const hub::TwinAnswered& answer, Question question) {
  if (question == Question::Probe) return;  // that it came is all that it was for
  if (answer.status < 200 || answer.status > 299) return refused(answer, question);
  failures_ = 0;
  if (question == Question::Twin) return take_twin(answer.body);
  reported_.accepted();
  send_reported();
}

void Twin::refused(const hub::TwinAnswered& answer, Question question) {
  const bool for_good = question == Question::Report && (answer.status == 400 || answer.status == 413);
  journal_.write(for_good ? Severity::Error : Severity::Warning,
                 std::string{"the hub refused "} +
                     (question == Question::Report ? "reported properties" : "the request for the twin") +
                     " with status " + std::to_string(answer.status));
  if (for_good) return give_up_reported(answer.status);
  if (question == Question::Report) {
    reported_.postponed();
  } else {
    twin_wanted_ = true;
  }
  retry_later();
  failures_ = answer.status >= 500 ? failures_ + 1 : 0;
  if (failures_ < k_failures_max) return;
  listener_.silent(session_->attempt,
                   {core::Fault::Silent,
                    "has failed " + std::to_string(failures_) + " times in a row to answer about the twin (status " +
                        std::to_string(answer.status) + ")",
                    {}});
}

void Twin::give_up_reported(int status) {
  if (const auto name = reported_.refused()) {
    journal_.write(Severity::Error, "the reported property '" + azure::one_line(*name, 80) +
                                        "' is given up: the hub finds it wrong (status " + std::to_string(status) +
                                        ")");
    keep_reported(spool::k_store_tells);
  }
  send_reported();
}

void Twin::retry_later() {
  throttled_ = true;
  std::uniform_int_distribution<std::int64_t> spread{k_retry_min.count(), k_retry_max.count()};
  retry_timer_->arm(loop_.now() + std::chrono::milliseconds{spread(chance_)});
}

void Twin::retry() {
  throttled_ = false;
  if (twin_wanted_) ask_for_twin();
  send_reported();
}

// ---- Reported

void Twin::take_twin(const std::string& twin_json) {
  const bool is_first = !std::exchange(session_->is_known, true);
  if (is_first) compare_reported(twin_json);
  take_desired(twin_json);
  if (is_first) {
    // They may be in the twin already, or may not.
    for (const std::string& patch : std::exchange(session_->held, {})) take_patch(patch);
    listener_.known();
  }
  send_reported();
  if (twin_wanted_) ask_for_twin();  // a patch has come meanwhile that this answer may not know
}

void Twin::compare_reported(const std::string& twin_json) {
  auto there = azure::reported_of_twin(twin_json);
  const auto compared = there ? reported_.session_opened(*there) : core::Result<void>(tl::unexpected(there.error()));
  if (!compared) complain("compare the reported properties with the hub's", compared.error());
}

void Twin::report(const std::string& merge_patch, bus::Answer<void> answer) {
  if (auto taken = reported_.report(merge_patch); !taken) return answer(std::move(taken));
  keep_reported(std::move(answer));
  send_reported();
}

void Twin::report_passing(const std::string& merge_patch) {
  if (auto taken = reported_.report_passing(merge_patch); !taken) complain("report the battery", taken.error());
  send_reported();
}

void Twin::keep_reported(bus::Answer<void> answer) { store_.keep(k_reported, reported_.text(), std::move(answer)); }

// ---- Desired

void Twin::take_desired(const std::string& twin_json) {
  if (auto taken = desired_.take_twin(session_->hub, twin_json); !taken) {
    return complain("read the desired properties", taken.error());
  }
  desired_changed();
}

void Twin::on(const hub::DesiredPatched& notice) {
  if (!session_ || notice.attempt != session_->attempt) return;
  if (session_->is_known) return take_patch(notice.patch_json);
  if (session_->held.size() < k_held_max) return session_->held.push_back(notice.patch_json);
  // One that is missing shows as a gap, but for the last one.
  session_->held.clear();
  twin_wanted_ = true;
}

void Twin::take_patch(const std::string& patch_json) {
  const auto taken = desired_.take_patch(patch_json);
  if (!taken) return complain("read a desired patch", taken.error());
  if (*taken == azure::Desired::Taken::New) return desired_changed();
  if (*taken == azure::Desired::Taken::Old) return;
  journal_.write(Severity::Info, "a desired patch is missing after version " + std::to_string(desired_.version()) +
                                     "; reading the whole twin");
  ask_for_twin();
}

void Twin::desired_changed() {
  const auto waiting = desired_.waiting();
  if (!waiting.empty()) deliver(waiting);
  let_sample_answer(waiting);
  keep_desired();
}

void Twin::deliver(const std::vector<azure::DesiredProperty>& properties) {
  std::map<core::Caller, std::vector<azure::DesiredProperty>> shares;
  for (const azure::DesiredProperty& property : properties) {
    if (const auto owner = claims_.owner(property.name)) shares[*owner].push_back(property);
  }
  for (const auto& [caller, share] : shares) {
    const auto patch = azure::desired_patch(share);
    if (!patch) {
      complain("tell a program of its desired properties", patch.error());
      continue;
    }
    listener_.desired_changed(caller, *patch, desired_.version());
  }
}

void Twin::let_sample_answer(const std::vector<azure::DesiredProperty>& properties) {
  azure::DesiredDocument unclaimed{desired_.version(), {}};
  for (const azure::DesiredProperty& property : properties) {
    // What a program has claimed waits for it to come back: it may only be starting anew.
    if (!claims_.ever_claimed(property.name)) unclaimed.properties.push_back(property);
  }
  if (unclaimed.properties.empty() || !settings_.config.sample.desired_property_receive) return;
  const device::DesiredOutcome outcome = device::apply_desired(unclaimed);
  journal_.write(Severity::Info, outcome.journal);
  for (const azure::Acknowledgement& acknowledgement : outcome.acknowledgements) {
    if (auto reported = report_acknowledgement(acknowledgement); !reported) {
      complain("acknowledge a desired property", reported.error());
    }
  }
  if (!outcome.acknowledgements.empty()) keep_reported(spool::k_store_tells);
  send_reported();
}

core::Result<void> Twin::report_acknowledgement(const azure::Acknowledgement& acknowledgement) {
  auto patch = azure::acknowledgement_patch({acknowledgement});
  if (!patch) return tl::unexpected(patch.error());
  const auto deletion = azure::desired_patch({{acknowledgement.name, "null"}});
  if (!deletion) return tl::unexpected(deletion.error());
  if (auto reported = reported_.replace(*deletion, *patch); !reported) return reported;
  desired_.answered(acknowledgement.name, acknowledgement.version);
  return {};
}

void Twin::keep_desired() {
  if (std::string text = desired_.text(); text != kept_desired_) {
    kept_desired_ = text;
    store_.keep(k_desired, std::move(text), [this](const core::Result<void>& kept) {
      if (kept) return;
      kept_desired_.clear();  // the next change writes it all
      // Of a disk that refuses the Store tells itself.
      if (kept.error().fault == core::Fault::PayloadTooLarge) complain("keep the desired properties", kept.error());
    });
  }
  if (auto names = unacknowledged(); names != told_unacknowledged_) {
    told_unacknowledged_ = std::move(names);
    listener_.unacknowledged_changed();
  }
}

core::Result<void> Twin::claim(const core::Caller& caller, const std::vector<std::string>& names) {
  if (auto claimed = claims_.claim(caller, names); !claimed) return claimed;
  desired_.know_components(claims_.components());
  keep_desired();
  std::vector<azure::DesiredProperty> theirs;
  for (azure::DesiredProperty& property : desired_.waiting()) {
    if (std::find(names.begin(), names.end(), property.name) != names.end()) theirs.push_back(std::move(property));
  }
  if (!theirs.empty()) deliver(theirs);
  return {};
}

void Twin::acknowledge(const core::Caller& caller, const azure::Acknowledgement& acknowledgement,
                       bus::Answer<void> answer) {
  if (claims_.owner(acknowledgement.name) != caller) {
    return answer(core::fail(core::Fault::NotClaimed, "this program has not claimed the property '" +
                                                          azure::one_line(acknowledgement.name, 80) + "'"));
  }
  if (auto reported = report_acknowledgement(acknowledgement); !reported) return answer(std::move(reported));
  keep_desired();
  keep_reported(std::move(answer));
  send_reported();
}

void Twin::caller_left(const core::Caller& caller) {
  const std::vector<std::string> names = claims_.release(caller);
  if (names.empty()) return;
  journal_.write(Severity::Info, "the program " + caller + " has left; nobody answers for its " +
                                     std::to_string(names.size()) + " desired properties");
}

std::vector<std::string> Twin::unacknowledged() const {
  std::vector<std::string> names;
  for (azure::DesiredProperty& property : desired_.waiting()) names.push_back(std::move(property.name));
  return names;
}

void Twin::complain(std::string_view about, const core::Error& error) {
  journal_.write(Severity::Error, "cannot " + std::string(about) + ": " + error.what);
}

}  // namespace iotc_ha::daemon
