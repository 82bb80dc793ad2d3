#include "sender.hpp"

#include "command.hpp"
#include "json.hpp"
#include "text.hpp"

#include <algorithm>
#include <iostream>
#include <optional>
#include <thread>

namespace iotc_ha::cli {
namespace {

/// Why a message cannot even be handed over.
std::optional<Failure> flaw_of(const Line& line) {
  if (line.cut) {
    return Failure{Outcome::BadMessage, "PayloadTooLarge",
                   "longer than " + show_bytes(Lines::k_line_max) + ", and a hub takes far less"};
  }
  if (!fits_d_bus(line.text)) {
    return Failure{Outcome::BadMessage, "InvalidPayload", "not UTF-8, or with a NUL or one of Unicode's noncharacters"};
  }
  return std::nullopt;
}

/// "line 7: ", "lines 7 to 9: "; nothing for what is no line.
std::string name_of(const Line& first, const Line& last) {
  if (first.number == 0) return "";
  if (first.number == last.number) return "line " + std::to_string(first.number) + ": ";
  return "lines " + std::to_string(first.number) + " to " + std::to_string(last.number) + ": ";
}

}  // namespace

bool Sender::send(const std::vector<Line>& lines) {
  std::vector<Line> good;
  for (const Line& line : lines) {
    if (const auto flaw = flaw_of(line)) {
      refuse(line, *flaw);
    } else {
      good.push_back(line);
    }
  }
  return good.empty() || send_together(good);
}

bool Sender::send_together(const std::vector<Line>& lines) {
  std::vector<std::string> bodies;
  bodies.reserve(lines.size());
  for (const Line& line : lines) bodies.push_back(line.text);
  const auto numbers = submit(bodies);
  if (numbers) {
    last_ = numbers->last;
    for (std::size_t i = 0; i < lines.size(); ++i) tell(lines[i], numbers->first + i);
    std::cout.flush();
    return true;
  }
  if (numbers.error().outcome != Outcome::BadMessage) {
    give_up(lines, numbers.error());
    return false;
  }
  if (lines.size() == 1) {
    refuse(lines.front(), numbers.error());
    return true;
  }
  // One of them is bad, and none was taken: the good half goes through, the other half is halved again.
  const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2);
  return send_together({lines.begin(), middle}) && send_together({middle, lines.end()});
}

Result<core::Sequences> Sender::submit(const std::vector<std::string>& bodies) {
  const auto until = Clock::now() + k_patience;
  while (true) {
    auto numbers = daemon_.submit(bodies, form_);
    if (numbers || numbers.error().outcome != Outcome::Busy || Clock::now() >= until) return numbers;
    std::this_thread::sleep_for(k_pause);
  }
}

void Sender::tell(const Line& line, std::uint64_t sequence) const {
  if (!json_) {
    std::cout << sequence << '\n';
    return;
  }
  JsonObject object;
  if (line.number > 0) object.add("line", line.number);
  std::cout << object.add("sequence", sequence).text() << '\n';
}

void Sender::refuse(const Line& line, const Failure& failure) {
  status_ = exit_status(failure.outcome);
  complain(name_of(line, line) + failure.name + ": " + failure.text);
  if (json_ && line.number > 0) {
    std::cout << JsonObject().add("line", line.number).add("error", failure.name).add("text", failure.text).text()
              << std::endl;
  }
}

void Sender::give_up(const std::vector<Line>& lines, const Failure& failure) {
  status_ = exit_status(failure.outcome);
  const std::string what = name_of(lines.front(), lines.back());
  const std::string reason =
      failure.name.find('.') == std::string::npos ? failure.name + ": " + failure.text : failure.text;
  if (failure.outcome == Outcome::NoAnswer) {
    complain(what + reason +
             (what.empty() ? "; the message may be on its way or not"
                           : "; these may be on their way or not, and nothing after them was sent"));
  } else {
    complain(reason + (what.empty() ? "; the message was not sent"
                                    : "; nothing was sent from line " + std::to_string(lines.front().number) + " on"));
  }
}

void Sender::wait_for_hub(std::chrono::seconds limit) {
  if (last_ == 0) return;
  const auto until = Clock::now() + limit;
  while (true) {
    const auto left = std::max(until - Clock::now(), Clock::duration::zero());
    const auto done = daemon_.flush(last_, std::chrono::duration_cast<std::chrono::microseconds>(left));
    if (done) return;
    const Outcome outcome = done.error().outcome;
    // A daemon that is started again knows the number still.
    const bool passes = outcome == Outcome::Busy || outcome == Outcome::NoAnswer || outcome == Outcome::NotRunning;
    if (!passes || Clock::now() >= until) {
      const std::string state = done.error().name == "MessagesDropped" ? "" : "on disk, but not known to be at a hub: ";
      complain("message " + std::to_string(last_) + ": " + state + done.error().text);
      if (status_ == 0) status_ = exit_status(outcome);
      return;
    }
    std::this_thread::sleep_for(k_pause);
  }
}

}  // namespace iotc_ha::cli
