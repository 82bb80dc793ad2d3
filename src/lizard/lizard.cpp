#include "lizard.hpp"

#include "certificates.hpp"
#include "hub_process.hpp"
#include "identity.hpp"
#include "network.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace iotc_ha::lizard {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds k_start_timeout{10};
constexpr std::chrono::seconds k_restart_pause{1};
constexpr std::chrono::milliseconds k_stop_timeout{1000};
constexpr std::chrono::milliseconds k_reap_poll{5};
constexpr std::size_t k_tasks_max = 64;

core::Error no_hub(const std::string& name) { return {core::Fault::InvalidPayload, "there is no hub '" + name + "'"}; }

tl::unexpected<core::Error> going_away() { return core::fail(core::Fault::Cancelled, "the lizard is going away"); }

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

core::WallTime wall_now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

Lizard::Lizard(Settings settings)
    : settings_(std::move(settings)),
      cloud_(settings_),
      dps_(settings_, cloud_),
      central_(settings_, cloud_),
      runs_(settings_.hubs),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Lizard::~Lizard() { end_everything(); }

std::string Lizard::hub_directory(std::size_t hub) const { return settings_.state_dir + "/" + hub_name(hub); }

void Lizard::wake() const {
  const std::uint64_t one = 1;
  // Fails only when the counter is at its limit, and then the main thread is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

// --------------------------------------------------------------------------------------------------------- any thread

void Lizard::dispatch_locked() {
  for (const auto& [hub, frame] : cloud_.take_orders()) {
    if (runs_[hub].link) runs_[hub].link->send(frame);  // a dead hub does nothing any more
  }
  ++changes_;
  changed_.notify_all();
  const bool news = cloud_.occurrences().last() != reported_ ||
                    (settings_.verbose && cloud_.telemetry().last() != reported_telemetry_);
  if (news || cloud_.deadline() != announced_deadline_) wake();
  announced_deadline_ = cloud_.deadline();
}

void Lizard::wait_for_change(std::uint64_t& seen, std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return changes_ != seen; });
  seen = changes_;
}

void Lizard::receive(std::size_t hub, const Frame& frame) {
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
    if (frame.kind == FrameKind::Ready) {
      runs_[hub].ready = true;
    } else {
      cloud.receive(hub, frame, now);
    }
  });
}

HttpAnswer Lizard::answer(const HttpRequest& request) {
  return with_cloud([&](Cloud&, DpsService& dps, core::WallTime now) {
    return CentralService::owns(request.path) ? central_.answer(request, now) : dps.answer(request, now);
  });
}

core::Result<void> Lizard::on_main_thread(std::function<core::Result<void>()> work) {
  Task task{std::move(work), {}};
  std::future<core::Result<void>> result = task.done.get_future();
  {
    const std::lock_guard lock(task_mutex_);
    if (over_) return going_away();
    if (tasks_.size() >= k_tasks_max) return core::fail(core::Fault::Busy, "too many commands at once");
    tasks_.push_back(std::move(task));
  }
  wake();
  return result.get();
}

core::Result<void> Lizard::attack(const std::string& target, Attack how, std::uint8_t code) {
  if (target == "dps") return on_main_thread([this, how] { return attack_dps(how); });
  const auto hub = cloud_.find_hub(target);  // names never change
  if (!hub) return tl::unexpected(no_hub(target));
  return on_main_thread([this, hub = *hub, how, code] { return attack_hub(hub, how, code); });
}

core::Result<void> Lizard::revive(const std::string& target) {
  if (target == "dps") return on_main_thread([this] { return revive_dps(); });
  if (target == "all") {
    return on_main_thread([this] {
      for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
        if (auto revived = revive_hub(hub); !revived) return revived;
      }
      return revive_dps();
    });
  }
  const auto hub = cloud_.find_hub(target);
  if (!hub) return tl::unexpected(no_hub(target));
  return on_main_thread([this, hub = *hub] { return revive_hub(hub); });
}

std::string Lizard::dps_state() {
  const std::lock_guard lock(mutex_);
  switch (dps_state_) {
    case DpsState::Killed: return "killed";
    case DpsState::Unplugged: return "unplugged";
    case DpsState::Refusing: return "refusing";
    case DpsState::Up: break;
  }
  return dps_.is_throttled(wall_now()) ? "throttled" : "up";
}

bool Lizard::is_ready() {
  const std::lock_guard lock(mutex_);
  return ready_;
}

std::vector<pid_t> Lizard::hub_pids() {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> pids;
  for (const HubRun& run : runs_) pids.push_back(run.pid);
  return pids;
}

// -------------------------------------------------------------------------------------------------------- main thread

core::Result<void> Lizard::prepare() {
  const std::string lock_path = settings_.state_dir + "/lock";
  lock_file_ = Descriptor(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_file_.valid()) return tl::unexpected(storage_error("cannot open", lock_path));
  if (flock(lock_file_.get(), LOCK_EX | LOCK_NB) != 0) {
    return core::fail(core::Fault::BadConfiguration,
                      "another lizard runs with the state directory " + settings_.state_dir);
  }
  if (auto kept = keep_identity(settings_); !kept) return kept;
  const auto authority = Authority::open(settings_.state_dir);
  if (!authority) return tl::unexpected(authority.error());
  for (std::size_t hub = 0; hub < settings_.hubs; ++hub) {
    const std::string directory = hub_directory(hub);
    if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      return tl::unexpected(storage_error("cannot make", directory));
    }
    const std::string address = hub_address(settings_.network, hub);
    const std::string certificate = directory + "/server.pem";
    if (auto issued = authority->issue(address, certificate); !issued) return issued;
    auto written = write_hub_configuration(settings_, directory, address, certificate, authority->server_key_file());
    if (!written) return written;
  }
  const std::string address = dps_address(settings_.network);
  const std::string certificate = settings_.state_dir + "/dps.pem";
  if (auto issued = authority->issue(address, certificate); !issued) return issued;
  server_ = std::make_unique<HttpsServer>(
      HttpsServer::Place{address, settings_.dps_port, certificate, authority->server_key_file()},
      [this](const HttpRequest& request) { return answer(request); });
  return {};
}

core::Result<void> Lizard::start_hub(std::size_t hub) {
  auto process = lizard::start_hub(settings_, hub_directory(hub));
  if (!process) return tl::unexpected(process.error());
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
    cloud.started(hub, now);
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
      return core::fail(core::Fault::BadConfiguration, hub_name(hub) + " does not start: " + last_words(hub));
    }
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  return {};
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
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.sessions_lost(hub, now); });
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
      cloud.sessions_lost(hub, now);
      cloud.note(now, "hub-died", "", hub_name(hub), last_words(hub));
    });
  }
}

void Lizard::restart_hubs() {
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (!runs_[hub].restart_at || *runs_[hub].restart_at > steady_clock::now()) continue;
    const auto started = start_hub(hub);
    with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) {
      cloud.note(now, "hub-restarted", "", hub_name(hub), started ? "" : started.error().what);
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
  const auto strike = [&](HubState state) {
    with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.attack(hub, state, code, now); });
  };
  switch (how) {
    case Attack::Kill: {
      {
        const std::lock_guard lock(mutex_);
        if (runs_[hub].link) runs_[hub].link->send({.kind = FrameKind::Die});
      }
      strike(HubState::Killed);
      end_hub(hub, 0);
      return {};
    }
    case Attack::Unplug: {
      kill(runs_[hub].pid, SIGSTOP);
      strike(HubState::Unplugged);
      return {};
    }
    case Attack::Refuse: strike(HubState::Refusing); return {};
    case Attack::Drop:
      with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.drop_sessions(hub, now); });
      return {};
  }
  return {};
}

core::Result<void> Lizard::revive_hub(std::size_t hub) {
  const HubState before = with_cloud([&](Cloud& cloud, auto&, auto) { return cloud.hubs()[hub].state; });
  if (before == HubState::Up) return {};
  if (before == HubState::Unplugged) end_hub(hub, SIGKILL);  // its stale sessions go with it
  if (before != HubState::Refusing) {
    if (auto started = start_hub(hub); !started) return started;
    if (auto ready = wait_until_ready(hub); !ready) return ready;
  }
  with_cloud([&](Cloud& cloud, DpsService&, core::WallTime now) { cloud.revive(hub, now); });
  return {};
}

core::Result<void> Lizard::attack_dps(Attack how) {
  if (how != Attack::Drop && dps_state_ != DpsState::Up) {
    return core::fail(core::Fault::InvalidPayload, "DPS is " + dps_state() + " already; revive it first");
  }
  static constexpr std::array k_details{"killed", "unplugged", "refusing with 503", "connections dropped"};
  // The server's threads need the lock for their answers: it must not be held while they are waited for.
  if (how == Attack::Kill) server_->close();
  if (how == Attack::Unplug) server_->freeze();
  if (how == Attack::Drop) server_->drop_connections();
  with_cloud([&](Cloud& cloud, DpsService& dps, core::WallTime now) {
    if (how == Attack::Kill) dps_state_ = DpsState::Killed;
    if (how == Attack::Unplug) dps_state_ = DpsState::Unplugged;
    if (how == Attack::Refuse) dps_state_ = DpsState::Refusing;
    dps.refuse(how == Attack::Refuse);
    cloud.note(now, "attacked", "", "dps", k_details.at(static_cast<std::size_t>(how)));
  });
  return {};
}

core::Result<void> Lizard::revive_dps() {
  const std::string before = dps_state();
  if (dps_state_ == DpsState::Up) return {};
  if (dps_state_ == DpsState::Killed) {
    if (auto opened = server_->open(); !opened) return opened;
  }
  if (dps_state_ == DpsState::Unplugged) server_->unfreeze();
  with_cloud([&](Cloud& cloud, DpsService& dps, core::WallTime now) {
    dps_state_ = DpsState::Up;
    dps.refuse(false);
    cloud.note(now, "revived", "", "dps", "was " + before);
  });
  return {};
}

core::Result<void> Lizard::run(Witness& witness) {
  auto started = start(witness);
  if (started) serve(witness);
  end_everything();
  return started;
}

core::Result<void> Lizard::start(Witness& witness) {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&watched, number);
  signals_ = Descriptor(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (auto done = prepare(); !done) return done;
  if (auto done = witness.prepared(); !done) return done;
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (auto done = start_hub(hub); !done) return done;
  }
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (auto done = wait_until_ready(hub); !done) return done;
  }
  if (auto done = server_->open(); !done) return done;
  {
    const std::lock_guard lock(mutex_);
    ready_ = true;
  }
  witness.ready();
  return {};
}

int Lizard::poll_timeout_ms() {
  using std::chrono::milliseconds;
  milliseconds wait{60'000};
  for (const HubRun& run : runs_) {
    if (run.restart_at) wait = std::min(wait, std::chrono::ceil<milliseconds>(*run.restart_at - steady_clock::now()));
  }
  const std::lock_guard lock(mutex_);
  if (const auto deadline = cloud_.deadline()) {
    wait = std::min(wait, std::chrono::ceil<milliseconds>(*deadline - wall_now()));
  }
  return static_cast<int>(std::max(milliseconds(0), wait).count());
}

void Lizard::serve(Witness& witness) {
  while (true) {
    report(witness);
    std::array<pollfd, 2> either{
        {{.fd = signals_.get(), .events = POLLIN, .revents = 0}, {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
    poll(either.data(), either.size(), poll_timeout_ms());
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = read(wake_.get(), &count, sizeof count);
    signalfd_siginfo signal{};
    while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo != SIGCHLD) return;
    }
    reap();
    restart_hubs();
    std::deque<Task> tasks;
    {
      const std::lock_guard lock(task_mutex_);
      tasks.swap(tasks_);
    }
    for (Task& task : tasks) task.done.set_value(task.work());
    with_cloud([](Cloud& cloud, DpsService&, core::WallTime now) { cloud.advance(now); });
  }
}

void Lizard::report(Witness& witness) {
  constexpr std::size_t k_batch = 1000;
  while (true) {
    std::vector<Occurrence> occurrences;
    std::vector<Received> messages;
    {
      const std::lock_guard lock(mutex_);
      occurrences = cloud_.occurrences().after(reported_, k_batch);
      if (!occurrences.empty()) reported_ = occurrences.back().sequence;
      if (settings_.verbose) messages = cloud_.telemetry().after(reported_telemetry_, k_batch);
      if (!messages.empty()) reported_telemetry_ = messages.back().sequence;
    }
    for (const Occurrence& occurrence : occurrences) witness.saw(occurrence);
    for (const Received& message : messages) witness.took(message);
    if (occurrences.empty() && messages.empty()) return;
  }
}

void Lizard::end_everything() {
  {
    const std::lock_guard lock(task_mutex_);
    over_ = true;
  }
  if (server_) server_->close();
  for (const HubRun& run : runs_) {
    if (run.pid != 0) kill(run.pid, SIGKILL);
  }
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    end_hub(hub, SIGKILL);
    const std::string directory = hub_directory(hub);
    for (const char* name : {"mosquitto.conf", "mosquitto.log", "server.pem"}) {
      unlink((directory + "/" + name).c_str());
    }
    rmdir(directory.c_str());
  }
  const std::lock_guard lock(task_mutex_);
  for (Task& task : tasks_) task.done.set_value(going_away());
  tasks_.clear();
}

}  // namespace iotc_ha::lizard
