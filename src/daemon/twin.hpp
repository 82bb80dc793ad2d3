#pragma once

#include "settings.hpp"
#include "watch.hpp"

#include <iotc_ha/azure/desired.hpp>
#include <iotc_ha/azure/reported.hpp>
#include <iotc_ha/bus/service.hpp>
#include <iotc_ha/core/claims.hpp>
#include <iotc_ha/hub/session.hpp>
#include <iotc_ha/runtime/journal.hpp>
#include <iotc_ha/runtime/loop.hpp>
#include <iotc_ha/spool/store.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::daemon {

/// The device twin: what programs report goes to whatever hub there is, and to the next one too; what is desired goes
/// to the program that has claimed it, else to the sample device if it knows it, and waits for its answer. Both are on
/// disk. Loop thread.
class Twin {
 public:
  struct Listener {
    /// The hub has failed to answer about the twin `k_failures_max` times in a row: the session is to be given up. The
    /// error says so, without the hub's name.
    std::function<void(core::AttemptId, core::Error)> silent;
    /// The twin of this hub has been read, once in each session: from here on report_passing() does something.
    std::function<void()> known;
    /// The last question to the hub has been answered, and quiet() is true. The session may be ended in this call.
    std::function<void(core::AttemptId)> quiet;
    std::function<void(const core::Caller&, const std::string& patch_json, std::uint64_t version)> desired_changed;
    std::function<void()> unacknowledged_changed;
  };
  Twin(runtime::Loop& loop, runtime::Journal& journal, hub::Sessions& sessions, spool::Store& store,
       const Settings& settings, Watch& watch, Listener listener);

  static constexpr const char* k_reported = "reported";  ///< its documents in the store
  static constexpr const char* k_desired = "desired";
  void begin(const std::map<std::string, std::string>& documents);  ///< of the store
  void forget();                                                    ///< it is another device's
  void settings_changed();
  /// Asks for the twin at once. What is desired and reported is compared with it when it comes.
  void session_opened(core::AttemptId attempt, const std::string& hub);
  void session_ended();  ///< also when there was none
  void on(const hub::DesiredPatched& notice);
  void on(const hub::TwinAnswered& notice);
  /// Asks the hub something that it must answer, whatever that is: an answer shows that it lives.
  void probe();
  /// The hub owes no answer.
  [[nodiscard]] bool quiet() const { return questions_.empty(); }

  /// "Reconnect after 3" failures (5xx) in a row.
  static constexpr unsigned k_failures_max = 3;
  /// Desired patches that come before the twin and wait for it; if there are more, the twin is read once more instead.
  static constexpr std::size_t k_held_max = 16;

  // As in bus::Requests
  void report(const std::string& merge_patch, bus::Answer<void> answer);
  void report_passing(const std::string& merge_patch);  ///< not kept, and only while there is a session
  [[nodiscard]] std::string reported() const { return reported_.document(); }
  [[nodiscard]] bus::Desired desired() const { return {desired_.document(), desired_.version()}; }
  core::Result<void> claim(const core::Caller& caller, const std::vector<std::string>& names);
  void acknowledge(const core::Caller& caller, const azure::Acknowledgement& acknowledgement, bus::Answer<void> answer);
  void caller_left(const core::Caller& caller);
  [[nodiscard]] std::vector<std::string> unacknowledged() const;

 private:
  struct Session {
    core::AttemptId attempt;
    std::string hub;
    bool is_known = false;          ///< its twin has been read
    std::vector<std::string> held;  ///< desired patches that came before it
  };
  /// What the hub has to answer.
  enum class Question : std::uint8_t { Report, Twin, Probe };

  void send_reported();
  void ask_for_twin();
  void ask(Question question, std::size_t bytes, const std::function<void(std::uint64_t rid)>& send);
  [[nodiscard]] bool is_asked(Question question) const;
  void answered(const hub::TwinAnswered& answer, Question question);
  void refused(const hub::TwinAnswered& answer, Question question);
  void give_up_reported(int status);
  void retry_later();
  void retry();

  void take_twin(const std::string& twin_json);
  void take_patch(const std::string& patch_json);
  void compare_reported(const std::string& twin_json);
  void take_desired(const std::string& twin_json);
  void desired_changed();
  void deliver(const std::vector<azure::DesiredProperty>& properties);
  void let_sample_answer(const std::vector<azure::DesiredProperty>& properties);
  core::Result<void> report_acknowledgement(const azure::Acknowledgement& acknowledgement);
  void keep_reported(bus::Answer<void> answer);
  void keep_desired();
  void complain(std::string_view about, const core::Error& error);

  runtime::Loop& loop_;
  runtime::Journal& journal_;
  hub::Sessions& sessions_;
  spool::Store& store_;
  const Settings& settings_;
  Watch& watch_;
  const Listener listener_;

  azure::Reported reported_;
  azure::Desired desired_;
  core::Claims claims_;
  std::string kept_desired_;  ///< what the disk has, or is about to have
  std::vector<std::string> told_unacknowledged_;

  std::optional<Session> session_;
  std::uint64_t rid_ = 0;
  std::map<std::uint64_t, Question> questions_;  ///< by $rid
  unsigned failures_ = 0;                        ///< of this session, in a row
  bool throttled_ = false;                       ///< the hub is asked for nothing until the retry timer
  bool twin_wanted_ = false;                     ///< after that, or after the answer that is awaited
  std::mt19937_64 chance_{std::random_device{}()};
  std::unique_ptr<runtime::Loop::Timer> retry_timer_;
};

}  // namespace iotc_ha::daemon
