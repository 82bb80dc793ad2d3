#pragma once

#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace iotc_ha::core {

/// Finds out that a hub has fallen silent although its connection is still open, sooner on a quick link than on a slow
/// one. It learns from what the link really does: how long PUBACKs and twin answers take, smoothed with their variation
/// as TCP's retransmission timer is (RFC 6298). An answer that is later than that makes the hub suspect, and a probe is
/// asked for (a read of the twin: small, and answered at once by a living hub); one that is much later means that the
/// hub is dead. Pure.
///
/// What was asked reaches the hub in that order, or not at all. So any answer shows that the link lives, and the clock
/// of what is still owed begins anew, as TCP's does. An answer that overtakes another says more: the hub has been given
/// that question too, and takes its time with it (Azure delays PUBACKs before it refuses anything). Then only its other
/// answers tell whether it lives.
class LinkWatch {
 public:
  struct Limits {
    std::chrono::milliseconds suspect_after{1'000};  ///< Policy::suspect_after
    std::chrono::milliseconds silent_after{4'000};   ///< Policy::silent_after
    friend bool operator==(const Limits&, const Limits&) = default;
  };
  enum class Question : std::uint8_t { Telemetry, Twin };
  enum class Verdict : std::uint8_t {
    Well,      ///< nothing to do
    Suspect,   ///< an answer is late, since this call: send a probe
    Probe,     ///< still suspect: another probe would help
    Relieved,  ///< was suspect, and has answered since
    Dead,      ///< give the session up
  };

  void set_limits(const Limits& limits) { limits_ = limits; }
  /// `connect`: how long the session took to open, if that is known: all that there is to go by until the first answer.
  void session_opened(Instant now, std::optional<std::chrono::microseconds> connect = {});
  /// `silent`: given up because of a verdict of ours; the next session then gets more patience.
  void session_ended(bool silent);

  /// Something was sent that the hub must answer. `bytes` of it: a large message needs its time on a slow uplink.
  /// Beyond `k_owed_max` unanswered ones it is not watched: those before it tell enough.
  void asked(Question question, std::uint64_t id, std::size_t bytes, Instant now);
  /// Does nothing for what is not owed.
  void answered(Question question, std::uint64_t id, Instant now);

  /// Dead comes again and again until session_ended(). It comes a second after Suspect at the soonest: if it was we who
  /// were asleep, the answers may lie in a queue of ours.
  [[nodiscard]] Verdict look(Instant now);
  /// When look() should be asked again; nothing while the hub owes nothing. May have passed already.
  [[nodiscard]] std::optional<Instant> deadline() const;
  /// For how long the oldest answer has been owed.
  [[nodiscard]] std::chrono::microseconds owed_for(Instant now) const;
  /// What that question was; nothing while the hub owes nothing.
  [[nodiscard]] std::optional<Question> oldest() const;

  static constexpr std::size_t k_owed_max = 2'048;  ///< above Window::k_largest and all questions about the twin
  static constexpr unsigned k_patience_max = 4;

 private:
  struct Owed {
    Question question;
    std::uint64_t id;
    std::size_t bytes;
    Instant asked_at;
    std::optional<Instant> overtaken_at;  ///< something that was asked later has been answered
  };
  using Duration = Instant::duration;

  void learn(Duration round_trip);
  void overtake(const std::deque<Owed>::iterator& until, Instant now);
  [[nodiscard]] const Owed* telling() const;
  [[nodiscard]] Instant clock_of(const Owed& owed) const;
  [[nodiscard]] Duration late_after() const;
  [[nodiscard]] Duration dead_after() const;
  [[nodiscard]] Duration pause() const;
  [[nodiscard]] Instant next_probe() const;
  [[nodiscard]] std::optional<Instant> death() const;

  Limits limits_;
  std::deque<Owed> owed_;                ///< in the order in which it was asked
  std::size_t telemetry_overtaken_ = 0;  ///< how much of it; what was overtaken stands before what was not
  std::optional<Duration> round_trip_;   ///< smoothed (SRTT); nothing before the first answer of the session
  Duration variation_{};                 ///< of it (RTTVAR)
  Duration connect_{};                   ///< zero: not known
  Instant opened_at_{};                  ///< the session
  Instant answered_at_{};                ///< the last answer, or the opening of the session
  std::optional<Instant> suspected_at_;
  bool relieved_ = false;  ///< and nobody has been told yet
  Instant probed_at_{};    ///< the last probe that was asked for
  unsigned probes_ = 0;    ///< since the hub last owed nothing that was late
  unsigned patience_ = 1;
};

}  // namespace iotc_ha::core
