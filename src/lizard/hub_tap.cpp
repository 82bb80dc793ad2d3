#include "hub_tap.hpp"

#include "link.hpp"

#include <dlfcn.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace iotc_ha::lizard::tap {
namespace {

constexpr unsigned char k_connack = 0x20;
constexpr unsigned char k_publish = 0x30;
constexpr unsigned char k_puback = 0x40;
constexpr unsigned char k_disconnect = 0xE0;

thread_local SSL* last_read = nullptr;  // mosquitto has one thread, the program of the tests several
std::uint8_t refusal = k_not_authorized;

int slot() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

template <typename Function>
Function* real(const char* name) {
  void* address = dlsym(RTLD_NEXT, name);
  if (address == nullptr) std::abort();  // mosquitto without OpenSSL: nothing here could work
  return reinterpret_cast<Function*>(address);
}

unsigned number_at(const std::string& bytes, std::size_t at) {
  return (static_cast<unsigned>(static_cast<unsigned char>(bytes[at])) << 8U) |
         static_cast<unsigned char>(bytes[at + 1]);
}

}  // namespace

void PacketScanner::finish(const Packet& packet) {
  packet(header_, first_bytes_);
  first_bytes_.clear();
  part_ = Part::Header;
}

void PacketScanner::feed(const unsigned char* bytes, std::size_t size, const Packet& packet) {
  while (size > 0) {
    if (part_ == Part::Body) {
      const std::size_t taken = std::min(size, remaining_);
      const std::size_t room = keep_ - std::min(keep_, first_bytes_.size());
      first_bytes_.append(reinterpret_cast<const char*>(bytes), std::min(taken, room));
      bytes += taken;
      size -= taken;
      remaining_ -= taken;
      if (remaining_ == 0) finish(packet);
      continue;
    }
    const unsigned char byte = *bytes++;
    --size;
    if (part_ == Part::Header) {
      header_ = byte;
      remaining_ = 0;
      shift_ = 0;
      part_ = Part::Length;
      continue;
    }
    remaining_ |= static_cast<std::size_t>(byte & 0x7FU) << shift_;
    shift_ += 7;
    if ((byte & 0x80U) != 0 && shift_ < 28) continue;
    part_ = Part::Body;
    if (remaining_ == 0) finish(packet);
  }
}

Connection::Connection(Completed completed) : ssl_(last_read), completed_(std::move(completed)) {
  if (ssl_ != nullptr) SSL_set_ex_data(static_cast<SSL*>(ssl_), slot(), this);
}

Connection::~Connection() {
  if (ssl_ != nullptr) SSL_set_ex_data(static_cast<SSL*>(ssl_), slot(), nullptr);
}

void Connection::received(const unsigned char* bytes, std::size_t size) {
  in_.feed(bytes, size, [this](unsigned char header, const std::string& first_bytes) {
    if ((header & 0xF0U) == k_disconnect) said_disconnect_ = true;
    if ((header & 0xF0U) != k_puback || first_bytes.size() < 2) return;
    const auto found = unacknowledged_.find(number_at(first_bytes, 0));
    if (found == unacknowledged_.end()) return;
    completed_(found->second);
    unacknowledged_.erase(found);
  });
}

void Connection::sent(const unsigned char* bytes, std::size_t size) {
  out_.feed(bytes, size, [this](unsigned char header, const std::string& first_bytes) {
    if ((header & 0xF0U) != k_publish || (header & 0x06U) != 0x02U || first_bytes.size() < 4) return;
    const std::size_t topic_size = number_at(first_bytes, 0);
    if (first_bytes.size() < 4 + topic_size) return;
    unacknowledged_[number_at(first_bytes, 2 + topic_size)] = first_bytes.substr(2, topic_size);
  });
}

void refuse_with(std::uint8_t code) { refusal = code; }

}  // namespace iotc_ha::lizard::tap

// The functions that mosquitto calls instead of OpenSSL's.
extern "C" {

__attribute__((visibility("default"))) int SSL_read(SSL* ssl, void* buffer, int size) {
  namespace tap = iotc_ha::lizard::tap;
  static const auto real_read = tap::real<int(SSL*, void*, int)>("SSL_read");
  tap::last_read = ssl;
  const int count = real_read(ssl, buffer, size);
  auto* connection = static_cast<tap::Connection*>(SSL_get_ex_data(ssl, tap::slot()));
  if (count > 0 && connection != nullptr) {
    connection->received(static_cast<const unsigned char*>(buffer), static_cast<std::size_t>(count));
  }
  return count;
}

__attribute__((visibility("default"))) int SSL_write(SSL* ssl, const void* buffer, int size) {
  namespace tap = iotc_ha::lizard::tap;
  static const auto real_write = tap::real<int(SSL*, const void*, int)>("SSL_write");
  const auto* bytes = static_cast<const unsigned char*>(buffer);
  if (size == 4 && bytes[0] == tap::k_connack && bytes[1] == 2 && bytes[3] == iotc_ha::lizard::k_not_authorized) {
    // The first bytes that go out on a connection: they fit, and the write is never repeated.
    const std::array<unsigned char, 4> refused{tap::k_connack, 2, bytes[2], tap::refusal};
    tap::refusal = iotc_ha::lizard::k_not_authorized;
    return real_write(ssl, refused.data(), size);
  }
  const int count = real_write(ssl, buffer, size);
  auto* connection = static_cast<tap::Connection*>(SSL_get_ex_data(ssl, tap::slot()));
  if (count > 0 && connection != nullptr) connection->sent(bytes, static_cast<std::size_t>(count));
  return count;
}

}  // extern "C"
