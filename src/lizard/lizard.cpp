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
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace iotc_ha::lizard {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t k_tasks_max = 64;

// What the SDKs ask for on a hub, and on DPS; some leave the path out there (azure-protocol §2.2).
const std::vector<std::string> k_hub_paths{"/$iothub/websocket"};
const std::vector<std::string> k_dps_paths{"/$iothub/websocket", "/"};

core::Error no_hub(const std::string& name) { return {core::Fault::InvalidPayload, "there is no hub '" + name + "'"}; }

tl::unexpected<core::Error> going_away() { return core::fail(core::Fault::Cancelled, "the lizard is going away"); }

}  // namespace

core::WallTime wall_now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

Lizard::Lizard(Settings settings)
    : settings_(std::move(settings)),
      cloud_(settings_),
      dps_(settings_, cloud_),
      dps_mqtt_(settings_, cloud_, dps_),
      central_(settings_, cloud_),
      central_api_(settings_, cloud_),
      runs_(settings_.hubs + 1),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Lizard::~Lizard() { end_everything(); }

std::string Lizard::run_name(std::size_t hub) const { return is_dps(hub) ? "dps" : hub_name(hub); }

std::string Lizard::run_address(std::size_t hub) const {
  return is_dps(hub) ? dps_address(settings_.network) : hub_address(settings_.network, hub);
}

std::string Lizard::hub_directory(std::size_t hub) const { return settings_.state_dir + "/" + run_name(hub); }

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
  for (const Frame& frame : dps_mqtt_.take_orders()) {
    if (const HubRun& run = runs_[settings_.hubs]; run.link) run.link->send(frame);
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
    } else if (is_dps(hub)) {
      dps_mqtt_.receive(frame, now);
    } else {
      cloud.receive(hub, frame, now);
    }
  });
}

void Lizard::lose_sessions(std::size_t hub, Cloud& cloud, core::WallTime now) {
  if (is_dps(hub)) {
    dps_mqtt_.sessions_lost();
  } else {
    cloud.sessions_lost(hub, now);
  }
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
      for (std::size_t hub = 0; hub < settings_.hubs; ++hub) {
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

std::vector<pid_t> Lizard::pids() {
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
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (auto prepared = prepare_run(hub, *authority); !prepared) return prepared;
  }
  return {};
}

core::Result<void> Lizard::prepare_run(std::size_t hub, const Authority& authority) {
  const std::string directory = hub_directory(hub);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::unexpected(storage_error("cannot make", directory));
  }
  const std::string address = run_address(hub);
  const bool is_far = settings_.delay.count() != 0;
  const std::string mqtt_address = is_far || settings_.closed_mqtt ? inner_address(address) : address;
  const std::string certificate = directory + "/server.pem";
  if (auto issued = authority.issue(address, certificate); !issued) return issued;
  const MqttService service = is_dps(hub) ? MqttService::Dps : MqttService::Hub;
  auto written =
      write_hub_configuration(settings_, service, directory, mqtt_address, certificate, authority.server_key_file());
  if (!written) return written;
  HttpsServer::Place place{.address = is_far ? inner_address(address) : address,
                           .port = settings_.dps_port,
                           .certificate_file = certificate,
                           .key_file = authority.server_key_file(),
                           .door = {.paths = is_dps(hub) ? k_dps_paths : k_hub_paths,
                                    .address = mqtt_address,
                                    .port = settings_.mqtt_port,
                                    .certified_address = address,
                                    .authority_file = authority.certificate_file()}};
  runs_[hub].server = std::make_unique<HttpsServer>(
      std::move(place), [this, hub](const HttpRequest& request) { return answer(hub, request); });
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
  if (settings_.delay.count() != 0) relay_ = std::make_unique<Relay>(settings_.delay);
  for (std::size_t hub = 0; hub < runs_.size(); ++hub) {
    if (auto done = open_to_clients(hub); !done) return done;
  }
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
  relay_.reset();
  for (const HubRun& run : runs_) {
    if (run.pid != 0) kill(run.pid, SIGKILL);
  }
  for (const HubRun& run : runs_) {
    if (run.server) run.server->close();  // after what its WebSockets wait for
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
