#include "passage.hpp"

#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

/// The passing on, once the tunnel is open.
namespace iotc_ha::hub {
namespace {

using Outcome = TlsStream::Outcome;
using std::chrono::milliseconds;

constexpr std::size_t k_piece_max = std::size_t{16} * 1024;
// For Paho to take what came before the end.
constexpr std::chrono::seconds k_last_words_max{5};
constexpr milliseconds k_wait_max{60'000};  // nothing depends on it

/// Nothing without randomness.
std::optional<std::string> masked(websocket::Opcode opcode, std::string_view payload) {
  websocket::Mask mask{};
  if (RAND_bytes(mask.data(), static_cast<int>(mask.size())) != 1) return std::nullopt;
  return websocket::frame(opcode, payload, mask);
}

bool is_passing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

void Tunnel::Passage::pump() {
  std::optional<Clock::time_point> last_words;
  while (!shared_.ending && !near_over_) {
    bool moved = from_near();
    moved = to_peer() || moved;
    moved = from_peer() || moved;
    moved = to_near() || moved;
    if (peer_over_) {
      if (!last_words) last_words = Clock::now() + k_last_words_max;
      if (to_near_.empty() || Clock::now() > *last_words) break;
    }
    if (!moved) wait_for_either();
  }
  leave();
}

bool Tunnel::Passage::from_near() {
  if (near_over_ || peer_over_ || !has_room(to_peer_)) return false;
  std::array<char, k_piece_max> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): is written first
  const ssize_t count = recv(shared_.near.get(), bytes.data(), bytes.size(), 0);
  if (count < 0 && is_passing(errno)) return false;
  if (count <= 0) {
    near_over_ = true;
    return true;
  }
  const std::string_view piece(bytes.data(), static_cast<std::size_t>(count));
  if (!way_.websocket) {
    to_peer_ += piece;
  } else if (auto frame = masked(websocket::Opcode::Binary, piece)) {
    to_peer_ += *frame;
  } else {
    peer_ended("no random numbers for the WebSocket");
  }
  return true;
}

bool Tunnel::Passage::to_near() {
  if (to_near_.empty() || near_over_) return false;
  const ssize_t count = send(shared_.near.get(), to_near_.data(), to_near_.size(), MSG_NOSIGNAL);
  if (count < 0 && is_passing(errno)) return false;
  if (count < 0) {
    near_over_ = true;
  } else {
    to_near_.erase(0, static_cast<std::size_t>(count));
  }
  return true;
}

bool Tunnel::Passage::from_peer() {
  if (peer_over_ || !has_room(to_near_)) return false;
  std::string bytes;
  const Outcome outcome = tls_->read(bytes);
  read_wants_write_ = outcome == Outcome::WantsWrite;
  if (outcome == Outcome::Over) peer_ended(tls_->trouble().what);
  take_in(bytes);
  return outcome == Outcome::Done || outcome == Outcome::Over;
}

void Tunnel::Passage::take_in(const std::string& bytes) {
  if (!way_.websocket) {
    to_near_ += bytes;
    return;
  }
  const websocket::Reader::State state = reader_.feed(bytes, to_near_);
  answer_ping();
  if (state == websocket::Reader::State::Open || peer_over_) return;
  const bool closed = state == websocket::Reader::State::Closed;
  const auto code = closed ? websocket::k_normal_end : websocket::k_protocol_error;
  if (auto frame = masked(websocket::Opcode::Close, websocket::close_payload(code))) to_peer_ += *frame;
  to_peer();
  const std::string& farewell = reader_.farewell();
  peer_ended(closed ? "the WebSocket was closed" + (farewell.empty() ? "" : ", " + farewell)
                    : "the WebSocket carried " + farewell);
}

/// Only where there is room: a server that asks and does not read is not to fill our memory. It is then answered later.
void Tunnel::Passage::answer_ping() {
  if (!has_room(to_peer_)) return;
  const auto ping = reader_.take_ping();
  if (!ping) return;
  if (auto frame = masked(websocket::Opcode::Pong, *ping)) to_peer_ += *frame;
}

bool Tunnel::Passage::to_peer() {
  if (way_.websocket) answer_ping();
  write_wants_read_ = false;
  if (to_peer_.empty() || peer_over_) return false;
  const Outcome outcome = tls_->write(to_peer_);
  write_wants_read_ = outcome == Outcome::WantsRead;
  // What the other side said before it went may still be there to be read; that it has gone is then found by reading.
  if (outcome == Outcome::Over) to_peer_.clear();
  return outcome == Outcome::Done;
}

void Tunnel::Passage::peer_ended(std::string why) {
  if (!peer_over_) peer_over_ = std::move(why);
}

void Tunnel::Passage::wait_for_either() {
  const auto wanted = [](int fd, bool in, bool out) {
    // Without a wish none at all: a poll would tell of a hang-up again and again.
    return pollfd{in || out ? fd : -1, static_cast<short>((in ? POLLIN : 0) | (out ? POLLOUT : 0)), 0};
  };
  const bool peer_open = !peer_over_;
  std::array<pollfd, 3> all{wanted(shared_.near.get(), peer_open && has_room(to_peer_), !to_near_.empty()),
                            wanted(peer_->get(), peer_open && (has_room(to_near_) || write_wants_read_),
                                   peer_open && (read_wants_write_ || (!to_peer_.empty() && !write_wants_read_))),
                            pollfd{shared_.bell.get(), POLLIN, 0}};
  const milliseconds limit = peer_open ? k_wait_max : milliseconds(k_last_words_max);
  poll(all.data(), all.size(), static_cast<int>(limit.count()));
}

/// Paho has gone: what it has left behind goes out, as far as it does at once. A side that takes no more is stuck, and
/// nobody waits for it.
void Tunnel::Passage::leave() {
  if (!peer_over_) {
    while (from_near() || to_peer()) {
    }
    if (way_.websocket) {
      if (auto frame = masked(websocket::Opcode::Close, websocket::close_payload(websocket::k_normal_end))) {
        to_peer_ += *frame;
      }
    }
    while (to_peer()) {
    }
  }
  if (to_peer_.empty()) tls_->say_goodbye();
  shutdown(peer_->get(), SHUT_RDWR);
}

}  // namespace iotc_ha::hub
