#include "https.hpp"

#include "curl.hpp"
#include "transfer.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <new>
#include <string>
#include <utility>

namespace iotc_ha::provisioning {
namespace {

using core::Fault;
using std::chrono::milliseconds;

/// Once a process; never undone.
CURLcode init_process() {
  // Under CURLOPT_NOSIGNAL libcurl leaves SIGPIPE to us, and OpenSSL writes without MSG_NOSIGNAL: a connection closed
  // by the other side would end the process. Paho ignores the signal likewise, so nothing here may rely on it.
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return CURLE_FAILED_INIT;
  return curl_global_init(CURL_GLOBAL_DEFAULT);
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
      set(easy, CURLOPT_CAINFO, to.ca_file);
      set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // Debian's default would be trusted beside it
    }
  }

  /// Nothing: the transfer is limited by what it waits for.
  void set_limits(std::optional<Clock::time_point> deadline) const {
    constexpr long k_connect_max_ms = milliseconds(k_connect_max).count();
    long left_ms = 0;  // none
    if (deadline) {
      const auto left = std::chrono::ceil<milliseconds>(*deadline - Clock::now());
      left_ms = std::max<long>(1, static_cast<long>(left.count()));
    }
    set(easy, CURLOPT_TIMEOUT_MS, left_ms);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, deadline ? std::min(left_ms, k_connect_max_ms) : k_connect_max_ms);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // Without it libcurl joins the thread of a hanging name look-up, for as long as that hangs (7.88: seconds).
    set(easy, CURLOPT_QUICK_EXIT, 1L);
  }

  /// How the transfer ended; nothing when it was given up.
  std::optional<CURLcode> drive(const Transfer& transfer, const Wanted& wanted, const Sent& on_sent, Bell& bell) const {
    std::size_t times_told = 0;
    while (wanted() && !is_silent_on_kept_connection(transfer)) {
      int running = 0;
      require(curl_multi_perform(multi, &running));
      for (; times_told < transfer.times_sent; ++times_told) on_sent();
      if (running != 0 && is_too_late_to_be_sent(transfer)) return CURLE_OPERATION_TIMEDOUT;
      if (running == 0) {
        int left = 0;
        const CURLMsg* message = curl_multi_info_read(multi, &left);
        return message != nullptr ? message->data.result : CURLE_FAILED_INIT;
      }
      curl_waitfd rung{bell.fd(), CURL_WAIT_POLLIN, 0};
      require(curl_multi_poll(multi, &rung, 1, static_cast<int>(k_look_again.count()), nullptr));
      if (rung.revents != 0) bell.hush();
    }
    return std::nullopt;
  }
};

Https::Https() : handles_(std::make_unique<Handles>()) {}
Https::~Https() = default;

void Https::pause_until(Clock::time_point when, const Wanted& wanted) {
  while (wanted()) {
    const auto left = std::chrono::ceil<milliseconds>(when - Clock::now());
    if (left <= milliseconds::zero()) return;
    bell_.wait_for(std::min<milliseconds>(left, std::chrono::minutes{1}));
  }
}

core::Result<Reply> Https::exchange(const Destination& destination, const Request& request, Clock::time_point deadline,
                                    const Wanted& wanted, const Sent& on_sent) {
  Terms terms{std::min(deadline, Clock::now() + k_answer_max), wanted, on_sent};
  if (auto reply = transfer(destination, request, terms)) return *std::move(reply);
  terms.may_reuse = false;
  if (auto reply = transfer(destination, request, terms)) return *std::move(reply);
  return core::fail(Fault::Cancelled, "given up");
}

core::Result<Reply> Https::exchange_when_released(const Destination& destination, Request request,
                                                  const Released& released, const Wanted& wanted, const Sent& on_sent) {
  if (auto reply = transfer(destination, request, {{}, wanted, on_sent, &released})) return *std::move(reply);
  if (wanted()) {
    if (auto release = released()) {
      request.authorization = std::move(release->authorization);
      const auto until = std::min(release->deadline, Clock::now() + k_answer_max);
      if (auto reply = transfer(destination, request, {until, wanted, on_sent, nullptr, false})) {
        return *std::move(reply);
      }
    }
  }
  return core::fail(Fault::Cancelled, "given up");
}

std::optional<core::Result<Reply>> Https::transfer(const Destination& destination, const Request& request,
                                                   const Terms& terms) {
  CURL* const easy = handles_->easy;
  Transfer transfer;
  transfer.easy = easy;
  transfer.released = terms.released;
  transfer.wanted = &terms.wanted;
  transfer.bell = &bell_;
  std::array<char, CURL_ERROR_SIZE> detail{};
  transfer.headers.add("Content-Type: application/json");
  transfer.headers.add("Expect:");  // the body is small: no waiting for "100 Continue"
  const bool waits = terms.released != nullptr;
  if (!waits) transfer.headers.add("Authorization: " + request.authorization.reveal());

  handles_->set_destination(destination, request);
  handles_->set_limits(waits ? std::nullopt : std::optional(terms.deadline));
  set(easy, CURLOPT_FRESH_CONNECT, terms.may_reuse ? 0L : 1L);
  if (request.method == Request::Method::Put) {
    set(easy, CURLOPT_CUSTOMREQUEST, "PUT");
    set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    set(easy, CURLOPT_POSTFIELDS, request.body);
  }
  require(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.list()));
  require(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail.data()));
  listen(transfer);

  const Handles::Attached attached(*handles_);
  const auto code = handles_->drive(transfer, terms.wanted, terms.on_sent, bell_);
  if (!code || *code == CURLE_ABORTED_BY_CALLBACK) return std::nullopt;
  if (waits && is_dead_after_waiting(*code, transfer)) return std::nullopt;
  return outcome(*code, std::move(transfer), destination, detail.data());
}

}  // namespace iotc_ha::provisioning
