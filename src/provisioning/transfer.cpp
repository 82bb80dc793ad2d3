#include "transfer.hpp"

#include "clock.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace iotc_ha::provisioning {
namespace {

using core::Fault;
using std::chrono::milliseconds;

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t length = size * count;
  if (length > Https::k_body_bytes_max - transfer.body.size()) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.body.append(bytes, length);
  return length;
}

/// False when it has come to nothing.
bool wait_for_release(Transfer& transfer) {
  while ((*transfer.wanted)()) {
    if (const auto release = (*transfer.released)()) {
      const auto now = Https::Clock::now();
      const auto end = std::min(release->deadline, now + Https::k_answer_max);
      if (end <= now) return false;
      transfer.headers.add("Authorization: " + release->authorization.reveal());
      // libcurl counts from the beginning, and has had no limit so far.
      const auto limit = std::chrono::ceil<milliseconds>(end - transfer.begun);
      set(transfer.easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
      require(curl_easy_setopt(transfer.easy, CURLOPT_HTTPHEADER, transfer.headers.list()));
      transfer.released = nullptr;
      return true;
    }
    transfer.bell->wait_for(k_look_again);
  }
  return false;
}

/// libcurl calls it when TCP and TLS are done, and sends the request when we return. That we may take our time is what
/// gives us a connection in reserve: one that was opened by itself (CURLOPT_CONNECT_ONLY) is not handed to a request
/// later, and newer versions of libcurl give none back from their pool on which anything has come in meanwhile, which
/// is so after every handshake of TLS 1.3.
int on_connection_ready(void* self, char* /*peer*/, char* /*local*/, int /*peer_port*/, int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.on_kept_connection = info<long>(transfer.easy, CURLINFO_NUM_CONNECTS) == 0;
  if (transfer.released != nullptr && !wait_for_release(transfer)) return CURL_PREREQFUNC_ABORT;
  transfer.sent = Https::Clock::now();
  ++transfer.times_sent;
  return CURL_PREREQFUNC_OK;
}

std::string header(CURL* easy, const char* name) {
  curl_header* found = nullptr;
  return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value : "";
}

std::optional<std::chrono::seconds> retry_after(CURL* easy) {
  // libcurl has read it, also when it is a date; 0 when there is none.
  const auto seconds = info<curl_off_t>(easy, CURLINFO_RETRY_AFTER);
  if (seconds <= 0) return std::nullopt;
  return std::chrono::seconds(std::min<curl_off_t>(seconds, 86'400));
}

std::optional<std::chrono::sys_seconds> date(CURL* easy) {
  const std::string text = header(easy, "Date");
  if (text.empty()) return std::nullopt;
  const time_t seconds = curl_getdate(text.c_str(), nullptr);
  if (seconds < 0) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

/// OpenSSL's numbers; its headers belong to another room.
constexpr long k_certificate_not_yet_valid = 9;
constexpr long k_certificate_expired = 10;

std::string certificate_remark(CURL* easy) {
  const auto verdict = info<long>(easy, CURLINFO_SSL_VERIFYRESULT);
  if (verdict != k_certificate_not_yet_valid && verdict != k_certificate_expired) return {};
  return clock_hint(std::chrono::system_clock::now());
}

bool is_tls(CURLcode code) {
  constexpr std::array k_codes{
      CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER,        CURLE_SSL_ISSUER_ERROR,         CURLE_USE_SSL_FAILED};
  return std::find(k_codes.begin(), k_codes.end(), code) != k_codes.end();
}

/// The name look-up is over: it took its time, or there was a connection already.
bool has_address(const Transfer& transfer) {
  return transfer.sent != Https::Clock::time_point::max() ||
         info<curl_off_t>(transfer.easy, CURLINFO_NAMELOOKUP_TIME_T) != 0;
}

/// libcurl answers CURLE_SSL_CONNECT_ERROR, too, when the network cut the handshake off; only its text
/// tells them apart.
bool is_cut_handshake(CURLcode code, std::string_view detail) {
  constexpr std::array<std::string_view, 4> k_texts{
      "Recv failure: ", "Send failure: ", "SSL_connect: ", "unexpected eof"};
  return code == CURLE_SSL_CONNECT_ERROR && std::any_of(k_texts.begin(), k_texts.end(), [&](std::string_view text) {
           return detail.find(text) != std::string_view::npos;
         });
}

Fault fault_of(CURLcode code, const Transfer& transfer, std::string_view detail) {
  CURL* const easy = transfer.easy;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return Fault::NameNotResolved;
    case CURLE_COULDNT_CONNECT: return Fault::Unreachable;
    case CURLE_OPERATION_TIMEDOUT: return has_address(transfer) ? Fault::TimedOut : Fault::NameNotResolved;
    default: break;
  }
  if (info<long>(easy, CURLINFO_HTTP_CONNECTCODE) >= 300) return Fault::Unreachable;  // the proxy refused
  if (is_cut_handshake(code, detail)) return Fault::ConnectionLost;
  return is_tls(code) ? Fault::TlsRefused : Fault::ConnectionLost;
}

/// "user:password" of "http://user:password@host:port", "" when there is none.
std::string_view credentials_of(std::string_view proxy) {
  const auto scheme = proxy.find("://");
  const auto begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto end = proxy.rfind('@');
  return end == std::string_view::npos || end < begin ? std::string_view{} : proxy.substr(begin, end - begin);
}

/// A proxy without what is secret in it.
std::string shown(std::string proxy) {
  const std::string credentials(credentials_of(proxy));
  return credentials.empty() ? proxy : proxy.replace(proxy.find(credentials + '@'), credentials.size() + 1, "");
}

}  // namespace

void listen(Transfer& transfer) {
  require(curl_easy_setopt(transfer.easy, CURLOPT_WRITEFUNCTION, &on_body));
  require(curl_easy_setopt(transfer.easy, CURLOPT_WRITEDATA, &transfer));
  require(curl_easy_setopt(transfer.easy, CURLOPT_PREREQFUNCTION, &on_connection_ready));
  require(curl_easy_setopt(transfer.easy, CURLOPT_PREREQDATA, &transfer));
}

bool is_silent_on_kept_connection(const Transfer& transfer) {
  return transfer.on_kept_connection && Https::Clock::now() - transfer.sent > Https::k_kept_answer_max &&
         info<curl_off_t>(transfer.easy, CURLINFO_STARTTRANSFER_TIME_T) == 0;
}

bool is_too_late_to_be_sent(const Transfer& transfer) {
  if (transfer.released == nullptr) return false;
  const auto release = (*transfer.released)();
  return release && Https::Clock::now() >= release->deadline;
}

bool is_dead_after_waiting(CURLcode code, const Transfer& transfer) {
  return transfer.times_sent > 0 && info<long>(transfer.easy, CURLINFO_RESPONSE_CODE) == 0 &&
         (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING);
}

core::Result<Reply> outcome(CURLcode code, Transfer&& transfer, const Destination& destination,
                            std::string_view detail) {
  CURL* const easy = transfer.easy;
  if (code == CURLE_OK) {
    return Reply{static_cast<int>(info<long>(easy, CURLINFO_RESPONSE_CODE)), std::move(transfer.body),
                 retry_after(easy), date(easy)};
  }
  const std::string whom = "DPS (" + destination.host + ':' + std::to_string(destination.port) +
                           (destination.proxy.empty() ? "): " : ", by " + shown(destination.proxy) + "): ");
  if (transfer.too_large) {
    return core::fail(Fault::DpsProtocol,
                      whom + "the answer is larger than " + std::to_string(Https::k_body_bytes_max / 1024) + " KiB");
  }
  // libcurl quotes a proxy that it cannot read, with all that is in it.
  const auto credentials = credentials_of(destination.proxy);
  const bool tells_secret = !credentials.empty() && detail.find(credentials) != std::string_view::npos;
  const std::string reason = detail.empty() || tells_secret ? curl_easy_strerror(code) : std::string(detail);
  return core::fail(fault_of(code, transfer, detail), whom + reason + certificate_remark(easy));
}

}  // namespace iotc_ha::provisioning
