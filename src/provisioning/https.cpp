#include "https.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace iotc_ha::provisioning {
namespace {

using core::Fault;
using std::chrono::milliseconds;

/// A refusal here is one of memory or of an option that this libcurl was built without: nothing that we could mend.
void require(CURLcode code) {
  if (code != CURLE_OK) throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(code));
}
void require(CURLMcode code) {
  if (code != CURLM_OK) throw std::runtime_error(std::string("libcurl: ") + curl_multi_strerror(code));
}

// libcurl reads numbers as long and nothing else, so that an int would be read past its end.
void set(CURL* easy, CURLoption option, long value) { require(curl_easy_setopt(easy, option, value)); }
void set(CURL* easy, CURLoption option, const char* value) { require(curl_easy_setopt(easy, option, value)); }
void set(CURL* easy, CURLoption option, const std::string& value) { set(easy, option, value.c_str()); }

template <typename T>
T info(CURL* easy, CURLINFO what) {
  T value{};
  require(curl_easy_getinfo(easy, what, &value));
  return value;
}

/// Once a process; never undone.
CURLcode init_process() {
  // Under CURLOPT_NOSIGNAL libcurl leaves SIGPIPE to us, and OpenSSL writes without MSG_NOSIGNAL: a connection closed
  // by the other side would end the process. Paho ignores the signal likewise, so nothing here may rely on it.
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return CURLE_FAILED_INIT;
  return curl_global_init(CURL_GLOBAL_DEFAULT);
}

class Headers {
 public:
  Headers() = default;
  ~Headers() { curl_slist_free_all(list_); }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  [[nodiscard]] curl_slist* list() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

/// What libcurl tells us during a transfer.
struct Transfer {
  CURL* easy = nullptr;
  std::string body;
  bool too_large = false;
  bool on_kept_connection = false;
  Https::Clock::time_point sent = Https::Clock::time_point::max();
};

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

int on_connection_ready(void* self, char* /*peer*/, char* /*local*/, int /*peer_port*/, int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.on_kept_connection = info<long>(transfer.easy, CURLINFO_NUM_CONNECTS) == 0;
  transfer.sent = Https::Clock::now();
  return CURL_PREREQFUNC_OK;
}

bool is_silent_on_kept_connection(const Transfer& transfer) {
  return transfer.on_kept_connection && Https::Clock::now() - transfer.sent > Https::k_kept_answer_max &&
         info<curl_off_t>(transfer.easy, CURLINFO_STARTTRANSFER_TIME_T) == 0;
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

core::Result<Reply> outcome(CURLcode code, Transfer&& transfer, const Destination& destination,
                            std::string_view detail) {
  CURL* const easy = transfer.easy;
  if (code == CURLE_OK) {
    return Reply{static_cast<int>(info<long>(easy, CURLINFO_RESPONSE_CODE)), std::move(transfer.body),
                 retry_after(easy), date(easy)};
  }
  const std::string whom = "DPS (" + destination.host + ':' + std::to_string(destination.port) +
                           (destination.proxy.empty() ? "): " : ", by " + destination.proxy + "): ");
  if (transfer.too_large) {
    return core::fail(Fault::DpsProtocol,
                      whom + "the answer is larger than " + std::to_string(Https::k_body_bytes_max / 1024) + " KiB");
  }
  const std::string reason = detail.empty() ? curl_easy_strerror(code) : std::string(detail);
  return core::fail(fault_of(code, transfer, detail), whom + reason);
}

}  // namespace

struct Https::Handles {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;

  Handles() {
    static const CURLcode global = init_process();
    require(global);
    multi = curl_multi_init();
    easy = curl_easy_init();
    if (multi == nullptr || easy == nullptr) throw std::bad_alloc();
  }
  ~Handles() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  /// A handle of the multi for as long as a transfer lasts.
  class Attached {
   public:
    explicit Attached(Handles& handles) : handles_(handles) {
      require(curl_multi_add_handle(handles_.multi, handles_.easy));
    }
    ~Attached() {
      curl_multi_remove_handle(handles_.multi, handles_.easy);
      curl_easy_reset(handles_.easy);  // it points to what the caller owns; its connections stay with the multi
    }
    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;

   private:
    Handles& handles_;
  };

  void set_destination(const Destination& to, const Request& request) const {
    set(easy, CURLOPT_URL, "https://" + to.host + ':' + std::to_string(to.port) + request.path);
    set(easy, CURLOPT_PROTOCOLS_STR, "https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_USERAGENT, "iotc-ha/" IOTC_HA_VERSION);
    // Set also when empty: otherwise http_proxy, https_proxy and no_proxy of the environment would count.
    set(easy, CURLOPT_PROXY, to.proxy);
    set(easy, CURLOPT_NOPROXY, "");
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!to.ca_file.empty()) {
      set(easy, CURLOPT_CAINFO, to.ca_file.string());
      set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // Debian's default would be trusted beside it
    }
  }

  void set_limits(Clock::time_point deadline) const {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    const long left_ms = std::max<long>(1, static_cast<long>(left.count()));
    set(easy, CURLOPT_TIMEOUT_MS, left_ms);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, std::min<long>(left_ms, milliseconds(k_connect_max).count()));
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // Without it libcurl joins the thread of a hanging name look-up, for as long as that hangs (7.88: seconds).
    set(easy, CURLOPT_QUICK_EXIT, 1L);
  }

  /// How the transfer ended; nothing when it was given up.
  std::optional<CURLcode> drive(const Transfer& transfer, const Wanted& wanted) const {
    constexpr int k_look_again_ms = 500;  // libcurl's own timers and wake() come before it
    while (wanted() && !is_silent_on_kept_connection(transfer)) {
      int running = 0;
      require(curl_multi_perform(multi, &running));
      if (running == 0) {
        int left = 0;
        const CURLMsg* message = curl_multi_info_read(multi, &left);
        return message != nullptr ? message->data.result : CURLE_FAILED_INIT;
      }
      require(curl_multi_poll(multi, nullptr, 0, k_look_again_ms, nullptr));
    }
    return std::nullopt;
  }
};

Https::Https() : handles_(std::make_unique<Handles>()) {}
Https::~Https() = default;

void Https::wake() { require(curl_multi_wakeup(handles_->multi)); }

void Https::pause_until(Clock::time_point when, const Wanted& wanted) {
  while (wanted()) {
    const auto left = std::chrono::ceil<milliseconds>(when - Clock::now());
    if (left <= milliseconds::zero()) return;
    const int left_ms = static_cast<int>(std::min<milliseconds::rep>(left.count(), 60'000));
    require(curl_multi_poll(handles_->multi, nullptr, 0, left_ms, nullptr));
  }
}

core::Result<Reply> Https::exchange(const Destination& destination, const Request& request, Clock::time_point deadline,
                                    const Wanted& wanted) {
  const auto until = std::min(deadline, Clock::now() + k_answer_max);
  if (auto reply = transfer(destination, request, until, wanted, true)) return *std::move(reply);
  if (auto reply = transfer(destination, request, until, wanted, false)) return *std::move(reply);
  return core::fail(Fault::Cancelled, "given up");
}

std::optional<core::Result<Reply>> Https::transfer(const Destination& destination, const Request& request,
                                                   Clock::time_point deadline, const Wanted& wanted, bool may_reuse) {
  CURL* const easy = handles_->easy;
  Transfer transfer;
  transfer.easy = easy;
  std::array<char, CURL_ERROR_SIZE> detail{};
  Headers headers;
  headers.add("Authorization: " + request.authorization.reveal());
  headers.add("Content-Type: application/json");
  headers.add("Expect:");  // the body is small: no waiting for "100 Continue"

  handles_->set_destination(destination, request);
  handles_->set_limits(deadline);
  set(easy, CURLOPT_FRESH_CONNECT, may_reuse ? 0L : 1L);
  if (request.method == Request::Method::Put) {
    set(easy, CURLOPT_CUSTOMREQUEST, "PUT");
    set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    set(easy, CURLOPT_POSTFIELDS, request.body);
  }
  require(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.list()));
  require(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail.data()));
  require(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body));
  require(curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer));
  require(curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &on_connection_ready));
  require(curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer));

  const Handles::Attached attached(*handles_);
  const auto code = handles_->drive(transfer, wanted);
  if (!code) return std::nullopt;
  return outcome(*code, std::move(transfer), destination, detail.data());
}

}  // namespace iotc_ha::provisioning
