#include "agent.hpp"

#include "caller.hpp"
#include "disk.hpp"
#include "wait.hpp"

#include <atomic>
#include <future>
#include <stdexcept>
#include <vector>

namespace iotc_ha::bench {
namespace {

using integration::Answer;
using integration::Caller;
using integration::eventually;
using integration::Range;

constexpr std::chrono::minutes k_answer_limit{2};
constexpr std::chrono::minutes k_delivery_limit{10};
const std::string k_device = "bench";

template <typename T>
void expect(const Answer<T>& answer) {
  if (!answer) throw std::runtime_error(answer.error().name + ": " + answer.error().text);
}

/// One caller until the stream is over; answers how long its calls took.
Durations call(const std::string& bus_address, const Stream& stream, std::atomic<std::uint64_t>& number,
               Clock::time_point begin) {
  Caller caller(bus_address);
  Durations durations;
  std::string failure;
  const auto answered = [&durations, &failure](const auto& answer, Clock::time_point before) {
    durations.add(since(before));
    if (!answer) failure = answer.error().name + ": " + answer.error().text;
  };
  while (since(begin) < stream.time && failure.empty()) {
    const std::uint64_t first = number.fetch_add(stream.at_once);
    if (first + stream.at_once > stream.most) {
      number -= stream.at_once;
      break;
    }
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < stream.at_once; ++i) texts.push_back(text_of(first + i));
    const auto before = Clock::now();
    if (stream.at_once == 1) {
      caller.submit_later(texts.front(), [=](const Answer<std::uint64_t>& answer) { answered(answer, before); });
    } else {
      caller.submit_many_later(texts, [=](const Answer<Range>& answer) { answered(answer, before); });
    }
    if (!caller.await_answers(stream.under_way - 1, k_answer_limit)) throw std::runtime_error("no answer");
  }
  if (!caller.await_answers(0, k_answer_limit)) throw std::runtime_error("no answer");
  if (!failure.empty()) throw std::runtime_error(failure);
  return durations;
}

}  // namespace

std::string text_of(std::uint64_t number) {
  return R"({"temperature":21.5,"humidity":48.25,"battery":97,"number":)" + std::to_string(number) + "}";
}

void StreamFigures::add(const StreamFigures& others) {
  messages += others.messages;
  accepted_time += others.accepted_time;
  delivered_time += others.delivered_time;
  calls.add(others.calls);
  bytes_written += others.bytes_written;
  bytes_to_disk += others.bytes_to_disk;
}

Agent::Agent(const std::filesystem::path& folder)
    : bus_(folder),
      lizard_(folder, network_.address(), {"--assigning-polls", "0", "--keep", "1000"}),
      daemon_(folder, bus_.address()) {
  lizard_.write_config(k_device, daemon_.config_file());
  daemon_.drop_in("10-bench",
                  "[spool]\nmax_bytes = \"4GiB\"\n"
                  "[sample]\ntelemetry_send = false\nreported_property_send = false\n"
                  "[failover]\ndps_backoff_base = \"100ms\"\ndps_backoff_max = \"500ms\"\n");
}

void Agent::stop() {
  if (!daemon_.running()) return;
  daemon_.ask_to_stop();
  if (!daemon_.wait_for_end(integration::k_patience)) throw std::runtime_error("the daemon does not stop");
}

void Agent::await_service() const {
  Caller caller(bus_.address());
  if (!eventually([&] { return caller.figures().has_value(); })) {
    throw std::runtime_error("the daemon does not answer: " + daemon_.journal());
  }
}

void Agent::begin_anew(bool with_hub) {
  stop();
  std::filesystem::remove_all(daemon_.state_dir());
  lizard_.revive("all");
  if (!with_hub) lizard_.attack("dps", "kill");
  daemon_.start();
  await_service();
  if (with_hub && !eventually([&] { return !lizard_.device(k_device).connected_to.empty(); })) {
    throw std::runtime_error("no session with the hub: " + daemon_.journal());
  }
}

Seconds Agent::kill_and_start() {
  daemon_.kill();
  const auto begin = Clock::now();
  daemon_.start();
  Caller caller(bus_.address());
  if (!eventually([&] { return caller.submit("1").has_value(); })) throw std::runtime_error("it does not start again");
  return since(begin);
}

std::uint64_t Agent::figure(const std::string& name) const {
  const auto figures = Caller(bus_.address()).figures();
  expect(figures);
  return figures->at(name);
}

StreamFigures Agent::hand_in(const Stream& stream, bool wait_for_delivery) {
  const std::uint64_t accepted_before = figure("Accepted");
  const std::uint64_t written_before = figure("BytesWritten");
  const std::uint64_t to_disk_before = bytes_written_by(daemon_.pid());
  std::atomic<std::uint64_t> number{0};
  std::vector<std::future<Durations>> callers;
  const auto begin = Clock::now();
  for (unsigned i = 0; i < stream.callers; ++i) {
    callers.push_back(std::async(std::launch::async, [&] { return call(bus_.address(), stream, number, begin); }));
  }
  StreamFigures figures;
  for (auto& caller : callers) figures.calls.add(caller.get());
  figures.accepted_time = since(begin);
  if (wait_for_delivery) {
    Caller caller(bus_.address());
    const auto none_left = [&] { return caller.figures().value().at("Queued") == 0; };
    if (!eventually(none_left, k_delivery_limit)) throw std::runtime_error("the hub did not get everything");
  }
  figures.delivered_time = since(begin);
  figures.messages = figure("Accepted") - accepted_before;
  figures.bytes_written = figure("BytesWritten") - written_before;
  figures.bytes_to_disk = bytes_written_by(daemon_.pid()) - to_disk_before;
  return figures;
}

}  // namespace iotc_ha::bench
