#pragma once

#include <iotc_ha/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace iotc_ha::hub {

/// TLS over a socket that does not block, as a client, by the rules by which Paho connects: 1.2 or later, the other
/// side's certificate from an authority that is trusted, and for the host. One thread.
class TlsStream {
 public:
  enum class Outcome { Done, WantsRead, WantsWrite, Over };

  /// `host` is the name or the numeric address in the certificate, and with `port` it tells whose TLS session of an
  /// earlier connection can be resumed; `ca_file` empty: the system's trust store. Error TlsRefused when that cannot be
  /// read.
  [[nodiscard]] static core::Result<std::unique_ptr<TlsStream>> make(int socket, const std::string& host,
                                                                     std::uint16_t port,
                                                                     const std::filesystem::path& ca_file);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// After Over, trouble() says why.
  [[nodiscard]] Outcome handshake();
  /// Appends what has come, a record at most.
  [[nodiscard]] Outcome read(std::string& to);
  /// Takes from the front of `from` what goes out.
  [[nodiscard]] Outcome write(std::string& from);
  /// close_notify, if the socket takes it at once.
  void say_goodbye();

  /// What has ended it, for people; "" when the other side simply closed. In the handshake the fault tells a refused
  /// certificate (TlsRefused) from a connection that was cut (Unreachable); later it is ConnectionLost.
  [[nodiscard]] const core::Error& trouble() const { return trouble_; }

 private:
  struct Session;
  explicit TlsStream(std::unique_ptr<Session> session);
  Outcome outcome_of(int result);
  void note(int error, int system_error);
  void note_refusal(unsigned long first);

  std::unique_ptr<Session> session_;
  bool is_open_ = false;
  core::Error trouble_{core::Fault::Unreachable, "", {}};
};

}  // namespace iotc_ha::hub
