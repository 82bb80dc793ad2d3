// The processes and servers of the hubs and of DPS: started, attacked, revived and buried, all on the main thread.

#include "hub_process.hpp"
#include "lizard.hpp"
#include "network.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <utility>

namespace iotc_ha::lizard {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds k_start_timeout{10};
constexpr std::chrono::seconds k_restart_pause{1};
constexpr std::chrono::milliseconds k_stop_timeout{1000};
constexpr std::chrono::milliseconds k_reap_poll{5};

/// True when the process has ended, and is buried, within the limit.
bool buried(pid_t pid, std::chrono::milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  while (waitpid(pid, nullptr, WNOHANG) != pid) {
    if (steady_clock::now() > deadline) return false;
    poll(nullptr, 0, static_cast<int>(k_reap_poll.count()));
  }
  return true;
}

}  // namespace

core::Result<void> Lizard::start_hub(std::size_t hub) {
  auto process = lizard::start_hub(settings_, hub_directory(hub));
  if (!process) return tl::unexpected(process.error());
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
    if (is_dps(hub)) {
      dps_mqtt_.sessions_lost();
    } else {
      cloud.started(hub, now);
    }
    HubRun& run = runs_[hub];
    run.pid = process->pid;
    run.ready = false;
    run.restart_at.reset();
    run.link =
        std::make_unique<HubLink>(std::move(process->link), [this, hub](const Frame& frame) { receive(hub, frame); });
  });
  return {};
}

core::Result<void> Lizard::wait_until_ready(std::size_t hub) {
  const auto deadline = steady_clock::now() + k_start_timeout;
  std::unique_lock lock(mutex_);
  while (!runs_[hub].ready) {
    siginfo_t ended{};
    waitid(P_PID, static_cast<id_t>(runs_[hub].pid), &ended, WEXITED | WNOHANG | WNOWAIT);  // reap() buries it
    if (ended.si_pid != 0 || steady_clock::now() > deadline) {
      return core::fail(core::Fault::BadConfiguration, run_name(hub) + " does not start: " + last_words(hub));
    }
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  return {};
}

/// The mosquitto is ready; all other doors of the hub open now.
core::Result<void> Lizard::open_to_clients(std::size_t hub) {
  if (auto opened = runs_[hub].server->open(); !opened || !relay_) return opened;
  const std::string address = run_address(hub);
  const std::string inner = inner_address(address);
  auto opened = relay_->open({address, settings_.dps_port}, {inner, settings_.dps_port});
  if (!opened || settings_.closed_mqtt) return opened;
  // A mosquitto that dies by itself leaves this open; for the second until it is back, clients are reset, not refused.
  return relay_->open({address, settings_.mqtt_port}, {inner, settings_.mqtt_port});
}

/// Ends the process of a hub, whatever its state, and forgets its sessions.
void Lizard::end_hub(std::size_t hub, int signal) {
  pid_t pid = 0;
  {
    const std::lock_guard lock(mutex_);
    pid = std::exchange(runs_[hub].pid, 0);
    runs_[hub].ready = false;
    runs_[hub].restart_at.reset();
  }
  if (pid != 0) {
    if (signal != 0) kill(pid, signal);
    if (!buried(pid, k_stop_timeout)) {
      kill(pid, SIGKILL);
      buried(pid, k_stop_timeout);
    }
  }
  hear_last_words(hub);
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { lose_sessions(hub, cloud, now); });
}

/// What a process said before it died is still in the link: it counts.
void Lizard::hear_last_words(std::size_t hub) {
  std::unique_ptr<HubLink> link;
  {
    const std::lock_guard lock(mutex_);
    link = std::move(runs_[hub].link);
  }
  if (link) link->wait_until_closed(k_stop_timeout);
}

/// The last line that a hub's mosquitto has printed.
std::string Lizard::last_words(std::size_t hub) const {
  std::string text = read_file(hub_directory(hub) + "/mosquitto.log").value_or("");
  while (text.ends_with('\n')) text.pop_back();
  text.erase(0, text.rfind('\n') + 1);
  return text.empty() ? "mosquitto has ended without a word" : text;
}

void Lizard::reap() {
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (runs_[hub].pid == 0 || waitpid(runs_[hub].pid, nullptr, WNOHANG) != runs_[hub].pid) continue;
    {
      const std::lock_guard lock(mutex_);
      runs_[hub].pid = 0;
      runs_[hub].ready = false;
      runs_[hub].restart_at = steady_clock::now() + k_restart_pause;
    }
    hear_last_words(hub);
    with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
      lose_sessions(hub, cloud, now);
      cloud.note(now, is_dps(hub) ? "dps-died" : "hub-died", "", run_name(hub), last_words(hub));
    });
  }
}

void Lizard::restart_hubs() {
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (!runs_[hub].restart_at || *runs_[hub].restart_at > steady_clock::now()) continue;
    const auto started = start_hub(hub);
    with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
      cloud.note(now, is_dps(hub) ? "dps-restarted" : "hub-restarted", "", run_name(hub),
                 started ? "" : started.error().what);
      if (!started) runs_[hub].restart_at = steady_clock::now() + k_restart_pause;
    });
  }
}

core::Result<void> Lizard::attack_hub(std::size_t hub, Attack how, std::uint8_t code) {
  const HubState before = with_cloud([&](Cloud& cloud, auto&, auto) { return cloud.hubs()[hub].state; });
  const bool alive = before == HubState::Up || before == HubState::Refusing;
  if (!alive) {
    return core::fail(core::Fault::InvalidPayload,
                      hub_name(hub) + " is " + std::string(name_of(before)) + " already; revive it first");
  }
  if (runs_[hub].pid == 0) {
    return core::fail(core::Fault::Busy, hub_name(hub) + " has died by itself and is being started again");
  }
  const auto strike = [&](HubState state) {
    with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.attack(hub, state, code, now); });
  };
  switch (how) {
    case Attack::Kill:
      strike(HubState::Killed);
      strike_dead(hub);
      return {};
    case Attack::Unplug:
      strike_silent(hub);
      strike(HubState::Unplugged);
      return {};
    case Attack::Refuse: strike(HubState::Refusing); return {};
    case Attack::Drop:
      with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.drop_sessions(hub, now); });
      return {};
  }
  return {};
}

/// Connections are reset, and refused from now on. The servers' threads need the lock for their answers: it must not be
/// held while they are waited for.
void Lizard::strike_dead(std::size_t hub) {
  if (relay_) relay_->close(run_address(hub));
  runs_[hub].server->close();
  {
    const std::lock_guard lock(mutex_);
    if (runs_[hub].link) runs_[hub].link->send({.kind = FrameKind::Die});
  }
  end_hub(hub, 0);
}

/// Connections stay open, and nothing answers.
void Lizard::strike_silent(std::size_t hub) {
  kill(runs_[hub].pid, SIGSTOP);
  runs_[hub].server->freeze();
}

/// Undoes either of these.
core::Result<void> Lizard::bring_back(std::size_t hub, bool was_silent) {
  if (was_silent) end_hub(hub, SIGKILL);  // its stale sessions go with it
  if (auto started = start_hub(hub); !started) return started;
  if (auto ready = wait_until_ready(hub); !ready) {
    end_hub(hub, SIGKILL);
    return ready;
  }
  if (!was_silent) return open_to_clients(hub);
  runs_[hub].server->unfreeze();
  return {};
}

core::Result<void> Lizard::revive_hub(std::size_t hub) {
  const HubState before = with_cloud([&](Cloud& cloud, auto&, auto) { return cloud.hubs()[hub].state; });
  if (before == HubState::Up) return {};
  if (before != HubState::Refusing) {
    if (auto back = bring_back(hub, before == HubState::Unplugged); !back) return back;
  }
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.revive(hub, now); });
  return {};
}

core::Result<void> Lizard::attack_dps(Attack how) {
  if (how != Attack::Drop && dps_state_ != DpsState::Up) {
    return core::fail(core::Fault::InvalidPayload, "DPS is " + dps_state() + " already; revive it first");
  }
  const std::size_t dps = settings_.hubs;
  if (runs_[dps].pid == 0 && dps_state_ != DpsState::Killed) {
    return core::fail(core::Fault::Busy, "DPS's mosquitto has died by itself and is being started again");
  }
  static constexpr std::array k_details{"killed", "unplugged", "refusing with 503", "connections dropped"};
  if (how == Attack::Kill) strike_dead(dps);
  if (how == Attack::Unplug) strike_silent(dps);
  if (how == Attack::Drop) runs_[dps].server->drop_connections();
  with_cloud([&](Cloud& cloud, DpsService& service, core::WallTime now) {
    if (how == Attack::Kill) dps_state_ = DpsState::Killed;
    if (how == Attack::Unplug) dps_state_ = DpsState::Unplugged;
    if (how == Attack::Refuse) dps_state_ = DpsState::Refusing;
    service.refuse(dps_state_ == DpsState::Refusing);
    if (how == Attack::Drop) dps_mqtt_.drop_sessions();
    cloud.note(now, "attacked", "", "dps", k_details.at(static_cast<std::size_t>(how)));
  });
  return {};
}

core::Result<void> Lizard::revive_dps() {
  const std::string before = dps_state();
  if (dps_state_ == DpsState::Up) return {};
  if (dps_state_ != DpsState::Refusing) {
    if (auto back = bring_back(settings_.hubs, dps_state_ == DpsState::Unplugged); !back) return back;
  }
  with_cloud([&](Cloud& cloud, DpsService& dps, core::WallTime now) {
    dps_state_ = DpsState::Up;
    dps.refuse(false);
    cloud.note(now, "revived", "", "dps", "was " + before);
  });
  return {};
}

}  // namespace iotc_ha::lizard
