#pragma once

#include "central_api.hpp"
#include "central_service.hpp"
#include "cloud.hpp"
#include "dps_mqtt.hpp"
#include "dps_service.hpp"
#include "files.hpp"
#include "https_server.hpp"
#include "hub_link.hpp"
#include "relay.hpp"
#include "settings.hpp"

#include <iotc_ha/core/error.hpp>
#include <iotc_ha/core/time.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iotc_ha::lizard {

class Authority;

[[nodiscard]] core::WallTime wall_now();

/// What an attack does to a hub or to DPS.
enum class Attack : std::uint8_t { Kill, Unplug, Refuse, Drop };

/// A direct method, called for somebody who waits.
struct MethodCall {
  std::string device;
  std::string method;
  std::string payload;
  std::chrono::milliseconds connection_limit{0};  ///< how long the device may take to connect
  std::chrono::milliseconds answer_limit{30'000};
};

/// What happened, printed by the main thread as it comes.
class Witness {
 public:
  virtual ~Witness() = default;
  /// The state directory is ours; nothing runs yet. An error ends the run.
  [[nodiscard]] virtual core::Result<void> prepared() = 0;
  virtual void ready() = 0;
  virtual void saw(const Occurrence& occurrence) = 0;
  virtual void took(const Received& message) = 0;
};

/// The running lizard: the cloud's state under one lock, and a mosquitto and an HTTPS server for each hub and for DPS.
/// Processes are started, attacked and
/// buried on the main thread, the one that calls run(); all else may be called from any.
class Lizard {
 public:
  explicit Lizard(Settings settings);
  ~Lizard();
  Lizard(const Lizard&) = delete;
  Lizard& operator=(const Lizard&) = delete;
  Lizard(Lizard&&) = delete;
  Lizard& operator=(Lizard&&) = delete;

  /// Starts everything, serves until SIGTERM or SIGINT, ends everything. SIGTERM, SIGINT and SIGCHLD must be
  /// blocked in all threads.
  [[nodiscard]] core::Result<void> run(Witness& witness);

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] std::string certificate_file() const { return settings_.state_dir + "/ca.pem"; }

  /// `target`: a hub's name or "dps". Returns when it is done. Errors name what was wrong.
  [[nodiscard]] core::Result<void> attack(const std::string& target, Attack how, std::uint8_t code);
  /// `target`: a hub's name, "dps" or "all".
  [[nodiscard]] core::Result<void> revive(const std::string& target);
  /// "up", "killed", "unplugged", "refusing" or "throttled"
  [[nodiscard]] std::string dps_state();
  [[nodiscard]] bool is_ready();
  /// The mosquitto of each hub, and last that of DPS; 0 for none.
  [[nodiscard]] std::vector<pid_t> pids();

  /// Runs `work(cloud, dps, now)` under the lock, and then sends the hubs what they are to do.
  template <typename Work>
  auto with_cloud(Work&& work) {
    const std::lock_guard lock(mutex_);
    const Finally dispatched([this] { dispatch_locked(); });
    return std::forward<Work>(work)(cloud_, dps_, wall_now());
  }
  /// Runs `work(cloud, dps, now)` under the lock for somebody who only looks, and wakes nobody.
  template <typename Work>
  auto look(Work&& work) {
    const std::lock_guard lock(mutex_);
    return std::forward<Work>(work)(std::as_const(cloud_), std::as_const(dps_), wall_now());
  }
  /// Calls a direct method and waits for the answer, for as long as the limits of the call allow and the caller is
  /// there. Errors: Unreachable (not connected), TimedOut, ConnectionLost, Cancelled, InvalidPayload (no such device).
  [[nodiscard]] core::Result<CommandAnswer> call_device(const MethodCall& call,
                                                        const std::function<bool()>& caller_is_gone);
  /// Waits until the cloud has changed since `seen` (0 at first, then kept by the caller), or for this long.
  void wait_for_change(std::uint64_t& seen, std::chrono::milliseconds limit);

 private:
  class Finally {
   public:
    explicit Finally(std::function<void()> last) : last_(std::move(last)) {}
    ~Finally() { last_(); }
    Finally(const Finally&) = delete;
    Finally& operator=(const Finally&) = delete;
    Finally(Finally&&) = delete;
    Finally& operator=(Finally&&) = delete;

   private:
    std::function<void()> last_;
  };
  /// A hub, or DPS, which comes after the hubs and has the number `settings_.hubs`.
  struct HubRun {
    pid_t pid = 0;
    bool ready = false;
    std::unique_ptr<HubLink> link;
    std::optional<std::chrono::steady_clock::time_point> restart_at;
    std::unique_ptr<HttpsServer> server;  ///< the main thread's
  };
  struct Task {
    std::function<core::Result<void>()> work;
    std::promise<core::Result<void>> done;
  };
  enum class DpsState : std::uint8_t { Up, Killed, Unplugged, Refusing };

  // main thread
  [[nodiscard]] core::Result<void> start(Witness& witness);
  [[nodiscard]] core::Result<void> prepare();
  [[nodiscard]] core::Result<void> prepare_run(std::size_t hub, const Authority& authority);
  [[nodiscard]] core::Result<void> start_hub(std::size_t hub);
  [[nodiscard]] core::Result<void> wait_until_ready(std::size_t hub);
  [[nodiscard]] core::Result<void> open_to_clients(std::size_t hub);
  void end_hub(std::size_t hub, int signal);
  void strike_dead(std::size_t hub);
  void strike_silent(std::size_t hub);
  [[nodiscard]] core::Result<void> bring_back(std::size_t hub, bool was_silent);
  void hear_last_words(std::size_t hub);
  void reap();
  void restart_hubs();
  void serve(Witness& witness);
  void report(Witness& witness);
  void end_everything();
  [[nodiscard]] int poll_timeout_ms();
  [[nodiscard]] core::Result<void> attack_hub(std::size_t hub, Attack how, std::uint8_t code);
  [[nodiscard]] core::Result<void> attack_dps(Attack how);
  [[nodiscard]] core::Result<void> revive_hub(std::size_t hub);
  [[nodiscard]] core::Result<void> revive_dps();

  [[nodiscard]] core::Result<void> on_main_thread(std::function<core::Result<void>()> work);
  [[nodiscard]] HttpAnswer answer(std::size_t hub, const HttpRequest& request);
  void receive(std::size_t hub, const Frame& frame);
  void dispatch_locked();
  void lose_sessions(std::size_t hub, Cloud& cloud, core::WallTime now);
  void wake() const;
  [[nodiscard]] bool is_dps(std::size_t hub) const { return hub == settings_.hubs; }
  [[nodiscard]] std::string run_name(std::size_t hub) const;
  [[nodiscard]] std::string run_address(std::size_t hub) const;
  [[nodiscard]] std::string hub_directory(std::size_t hub) const;
  [[nodiscard]] std::string last_words(std::size_t hub) const;

  Settings settings_;
  Cloud cloud_;
  DpsService dps_;
  DpsMqtt dps_mqtt_;
  CentralService central_;
  CentralApi central_api_;

  std::mutex mutex_;  // over all above and the hubs' runs
  std::condition_variable changed_;
  std::uint64_t changes_ = 0;
  std::optional<core::WallTime> announced_deadline_;
  std::vector<HubRun> runs_;
  std::unique_ptr<Relay> relay_;  ///< the main thread's; none without a delay
  bool ready_ = false;
  DpsState dps_state_ = DpsState::Up;

  std::mutex task_mutex_;
  std::deque<Task> tasks_;
  bool over_ = false;

  Descriptor lock_file_;
  Descriptor wake_;
  Descriptor signals_;
  std::uint64_t reported_ = 0;
  std::uint64_t reported_telemetry_ = 0;
};

}  // namespace iotc_ha::lizard
