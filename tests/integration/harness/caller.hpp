#pragma once

#include <tl/expected.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct sd_bus;
struct sd_bus_message;

namespace iotc_ha::integration {

/// What a method answered instead of a value.
struct Refusal {
  std::string name;  ///< "io.github.iotc_ha.Error.SpoolFull"
  std::string text;
};
template <typename T>
using Answer = tl::expected<T, Refusal>;

/// The options of Telemetry1.Submit. What is not set is not sent.
struct SubmitOptions {
  std::string component{};
  std::map<std::string, std::string> properties{};
  std::optional<std::uint64_t> timestamp_us{};
  std::string message_id{};
  std::map<std::string, std::string> others{};  ///< any more, with strings as values
};
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
using Line = std::map<std::string, std::uint64_t>;  ///< numbers by their names

/// A local program that hands in telemetry: one connection to the bus, on libsystemd's sd-bus. For one thread; several
/// threads have a Caller each. Outlives the daemon. What goes wrong on this side throws std::runtime_error.
class Caller {
 public:
  explicit Caller(const std::string& bus_address);
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // ---- Calls that wait for their answer
  [[nodiscard]] Answer<std::uint64_t> submit(const std::string& json, const SubmitOptions& options = {});
  [[nodiscard]] Answer<Range> submit_many(const std::vector<std::string>& json, const SubmitOptions& options = {});
  [[nodiscard]] Answer<void> flush(std::uint64_t sequence, std::chrono::microseconds timeout);
  [[nodiscard]] Answer<Line> figures();                ///< all properties of Telemetry1
  [[nodiscard]] Answer<std::vector<Line>> accounts();  ///< GetAccount: a line a life

  // ---- Calls that do not: as many under way as wanted (the bus allows 128)
  void submit_later(const std::string& json, std::function<void(Answer<std::uint64_t>)> answered);
  void submit_many_later(const std::vector<std::string>& json, std::function<void(Answer<Range>)> answered);
  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }
  /// Hands out answers, until no more than so many calls are under way; false when `patience` is over before that.
  [[nodiscard]] bool await_answers(std::size_t under_way_max, std::chrono::milliseconds patience);

 protected:
  struct Release {
    void operator()(sd_bus* bus) const;
    void operator()(sd_bus_message* message) const;
  };
  using Message = std::unique_ptr<sd_bus_message, Release>;

  [[nodiscard]] sd_bus* connection() const { return bus_.get(); }
  [[nodiscard]] Message call_of(const char* interface, const char* method) const;
  [[nodiscard]] Answer<Message> answer_to(const Message& call);
  void take_what_has_come();  ///< without waiting

 private:
  struct Call;
  using Answered = std::function<void(sd_bus_message*)>;  ///< an answer of the method, or an error

  [[nodiscard]] Message submission(const std::vector<std::string>& json, const SubmitOptions& options, bool many) const;
  void send(const Message& call, Answered answered);

  std::unique_ptr<sd_bus, Release> bus_;
  std::list<Call> under_way_;
};

}  // namespace iotc_ha::integration
