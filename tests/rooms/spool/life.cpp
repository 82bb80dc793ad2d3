#include "life.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace iotc_ha::spool_test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int k_pause_ms = 5;

class Shell {
 public:
  explicit Shell(const fs::path& file) {
    if (sqlite3_open(file.c_str(), &connection_) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(connection_));
  }
  ~Shell() { sqlite3_close(connection_); }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;
  std::int64_t run(const std::string& sql) {
    std::int64_t value = 0;
    const auto first = [](void* into, int count, char** columns, char** /*names*/) {
      if (count > 0 && columns[0] != nullptr) *static_cast<std::int64_t*>(into) = std::strtoll(columns[0], nullptr, 10);
      return 0;
    };
    if (sqlite3_exec(connection_, sql.c_str(), first, &value, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sql + ": " + sqlite3_errmsg(connection_));
    }
    return value;
  }

 private:
  sqlite3* connection_ = nullptr;
};

}  // namespace

StateDirectory::StateDirectory() {
  std::string name = (fs::temp_directory_path() / "iotc-ha-spool-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = name;
}

StateDirectory::~StateDirectory() { fs::remove_all(path_); }

std::vector<fs::path> StateDirectory::quarantined(const std::string& extension) const {
  std::vector<fs::path> files;
  if (!fs::exists(path_ / "quarantine")) return files;
  for (const auto& entry : fs::directory_iterator(path_ / "quarantine")) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  return files;
}

void StateDirectory::run_sql(const std::string& sql) const { Shell(file()).run(sql); }
std::int64_t StateDirectory::query(const std::string& sql) const { return Shell(file()).run(sql); }

Life::Life(const fs::path& state_dir, const spool::Limits& limits) {
  std::promise<void> ready;
  auto opened = ready.get_future();
  thread_ = std::thread(
      [this, state_dir, limits, ready = std::move(ready)]() mutable { live(state_dir, limits, std::move(ready)); });
  try {
    opened.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

void Life::live(const fs::path& state_dir, const spool::Limits& limits, std::promise<void> ready) {
  runtime::Loop loop;
  auto opened =
      spool::Store::open(state_dir, limits, loop, [this](const core::Error& error) { notes_.push_back(error.what); });
  if (!opened) return ready.set_exception(std::make_exception_ptr(std::runtime_error(opened.error().what)));
  const std::unique_ptr<spool::Store> store = std::move(*opened);
  store->listen({.dropped = [this](const core::Dropped& lost) { dropped_.push_back(lost); },
                 .figures_changed = {},
                 .trouble = [this](const core::Error& error) { troubles_.push_back(error.what); }});
  loop_ = &loop;
  store_ = store.get();
  ready.set_value();
  loop.run();
}

Life::~Life() {
  loop_->post([this] { loop_->exit(0); });
  thread_.join();
}

template <typename Answer, typename Ask>
Answer Life::answer_to(const Ask& ask) {
  const auto promise = std::make_shared<std::promise<Answer>>();
  auto answer = promise->get_future();
  loop_->post([ask, promise] { ask([promise](Answer given) { promise->set_value(std::move(given)); }); });
  if (answer.wait_for(1min) != std::future_status::ready) throw std::runtime_error("no answer within a minute");
  return answer.get();
}

void Life::on_loop(const std::function<void(spool::Store&)>& task) {
  answer_to<bool>([&](const auto& done) {
    task(*store_);
    done(true);
  });
}

bool Life::wait_until(const std::function<bool(spool::Store&)>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 1min;
  while (std::chrono::steady_clock::now() < deadline) {
    bool met = false;
    on_loop([&](spool::Store& store) { met = condition(store); });
    if (met) return true;
    // A loop that is asked without a pause keeps others from it: the worker, whose answer this waits for.
    poll(nullptr, 0, k_pause_ms);
  }
  return false;
}

core::Result<core::Sequences> Life::append(std::vector<core::Submission> messages) {
  return answer_to<core::Result<core::Sequences>>([&](const auto& done) { store_->append(std::move(messages), done); });
}

core::Result<core::Sequences> Life::append(const std::string& body) {
  return append(std::vector<core::Submission>{message(body)});
}

void Life::fill(std::uint64_t count, std::size_t size, std::uint64_t batch) {
  for (std::uint64_t done = 0; done < count; done += batch) {
    std::vector<core::Submission> messages;
    for (std::uint64_t i = done; i < std::min(done + batch, count); ++i) {
      std::string body = std::to_string(i);
      body.resize(std::max(size, body.size()), ' ');
      messages.push_back(message(std::move(body)));
    }
    const auto accepted = append(std::move(messages));
    if (!accepted) throw std::runtime_error(accepted.error().what);
  }
}

std::vector<core::Telemetry> Life::next(std::uint64_t after, std::size_t count, std::uint64_t bytes) {
  return answer_to<std::vector<core::Telemetry>>(
      [=, this](const auto& done) { store_->next(after, count, bytes, done); });
}

std::vector<core::Telemetry> Life::all() {
  std::vector<core::Telemetry> all;
  while (all.size() < figures().queued) {
    for (auto& one : next(all.empty() ? 0 : all.back().sequence)) all.push_back(std::move(one));
  }
  return all;
}

void Life::acknowledge(std::uint64_t first, std::uint64_t last, const std::string& hub) {
  on_loop([&](spool::Store& store) {
    for (std::uint64_t sequence = first; sequence <= last; ++sequence) store.acknowledge(sequence, hub);
  });
}

void Life::quarantine(std::uint64_t sequence, const std::string& why) {
  on_loop([&](spool::Store& store) { store.quarantine(sequence, why); });
}

void Life::release() {
  on_loop([](spool::Store& store) { store.release(); });
}

void Life::replay(const std::string& hub) {
  on_loop([&](spool::Store& store) { store.replay(hub); });
}

void Life::settle() {
  answer_to<bool>([this](const auto& done) { store_->settle([done] { done(true); }); });
}

core::Result<void> Life::keep(const std::string& name, const std::string& text) {
  return answer_to<core::Result<void>>([&](const auto& done) { store_->keep(name, text, done); });
}

std::map<std::string, std::string> Life::documents() {
  std::map<std::string, std::string> documents;
  on_loop([&](spool::Store& store) {
    auto answer = store.documents();
    ASSERT_TRUE(answer) << answer.error().what;
    documents = std::move(*answer);
  });
  return documents;
}

core::Result<std::optional<std::uint64_t>> Life::take(const core::DurableCommand& command) {
  return answer_to<core::Result<std::optional<std::uint64_t>>>([&](const auto& done) { store_->take(command, done); });
}

core::Result<void> Life::complete(std::uint64_t id) {
  return answer_to<core::Result<void>>([&](const auto& done) { store_->complete(id, done); });
}

std::vector<core::DurableCommand> Life::commands() {
  std::vector<core::DurableCommand> commands;
  on_loop([&](spool::Store& store) {
    auto answer = store.commands();
    ASSERT_TRUE(answer) << answer.error().what;
    commands = std::move(*answer);
  });
  return commands;
}

std::vector<core::Account> Life::accounts() {
  auto accounts =
      answer_to<core::Result<std::vector<core::Account>>>([this](const auto& done) { store_->accounts(done); });
  if (!accounts) throw std::runtime_error(accounts.error().what);
  return std::move(*accounts);
}

core::SpoolFigures Life::figures() {
  core::SpoolFigures figures;
  on_loop([&](spool::Store& store) { figures = store.figures(); });
  return figures;
}

std::vector<core::Dropped> Life::dropped() {
  std::vector<core::Dropped> dropped;
  on_loop([&](spool::Store& /*store*/) { dropped = dropped_; });
  return dropped;
}

std::vector<std::string> Life::troubles() {
  std::vector<std::string> troubles;
  on_loop([&](spool::Store& /*store*/) { troubles = troubles_; });
  return troubles;
}

void Life::expect_adds_up() {
  std::uint64_t queued = 0;
  for (const core::Account& life : accounts()) {
    EXPECT_TRUE(life.adds_up()) << "boot " << life.boot << ": " << life.accepted << " accepted, " << life.delivered
                                << " delivered, " << life.queued << " queued, " << life.dropped() << " dropped, "
                                << life.quarantined << " quarantined";
    queued += life.queued;
  }
  EXPECT_EQ(figures().queued, queued);
}

core::Submission message(std::string body) {
  core::Submission message;
  message.body = std::move(body);
  message.created = core::WallTime{1'700'000'000s};
  return message;
}

core::DurableCommand command(std::string message_id, std::string payload) {
  const core::WallTime received{1'700'000'000s};
  return {0, std::move(message_id), "setAlarm", "clock", std::move(payload), received, received + 48h};
}

std::vector<std::uint64_t> numbers_of(const std::vector<core::Telemetry>& messages) {
  std::vector<std::uint64_t> numbers;
  for (const core::Telemetry& one : messages) numbers.push_back(one.sequence);
  return numbers;
}

std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> numbers(last - first + 1);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

}  // namespace iotc_ha::spool_test
