#include "https_server.hpp"

#include "files.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace iotc_ha::lizard {
namespace {

constexpr std::size_t k_threads_max = 1024;
constexpr std::time_t k_keep_alive_s = 60;
constexpr std::size_t k_requests_per_connection = 10'000;
constexpr std::chrono::seconds k_start_timeout{5};

/// Holds everybody back while it is shut.
class Gate {
 public:
  void shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      shut_ = false;
    }
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return !shut_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool shut_ = false;
};

/// A thread for each open connection, since httplib keeps one busy for as long as its connection lives; threads are
/// used again. While the gate is shut, a new connection is not even given its TLS handshake.
class Threads : public httplib::TaskQueue {
 public:
  explicit Threads(Gate& gate) : gate_(gate) {}

  void enqueue(std::function<void()> connection) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(connection));
    if (idle_ < waiting_.size() && threads_.size() < k_threads_max) threads_.emplace_back([this] { work(); });
    changed_.notify_one();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      changed_.wait(lock, [this] { return over_ || !waiting_.empty(); });
      --idle_;
      if (waiting_.empty()) return;
      const auto connection = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      gate_.pass();
      connection();
      lock.lock();
    }
  }

  Gate& gate_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool over_ = false;
};

bool is_connection_of(int fd, const in_addr& address, std::uint16_t port) {
  sockaddr_in local{};
  socklen_t size = sizeof local;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0 || local.sin_family != AF_INET) return false;
  if (local.sin_addr.s_addr != address.s_addr || ntohs(local.sin_port) != port) return false;
  int listening = 0;
  size = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening == 0;
}

/// httplib does not give its connections out, so they are found by their local address. Connecting a socket to
/// AF_UNSPEC resets its connection and leaves the descriptor to its owner (connect(2), tcp_disconnect in the kernel).
void reset_connections(const std::string& text, std::uint16_t port) {
  in_addr address{};
  inet_pton(AF_INET, text.c_str(), &address);
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {  // NOLINT(concurrency-mt-unsafe): the stream is our own
    const std::string_view name(entry->d_name);
    int number = -1;
    std::from_chars(name.data(), name.data() + name.size(), number);
    // A copy: the number may go to another file at any moment.
    const Descriptor copy(number < 0 ? -1 : fcntl(number, F_DUPFD_CLOEXEC, 0));
    if (!copy.valid() || !is_connection_of(copy.get(), address, port)) continue;
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(copy.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    if (connect(copy.get(), &nobody, sizeof nobody) != 0) shutdown(copy.get(), SHUT_RDWR);
  }
  closedir(directory);
}

/// httplib lends the connection for looking at it; nobody else uses it while its request is being answered.
SSL* connection_of(const httplib::Request& request) { return const_cast<SSL*>(request.ssl); }

/// httplib does not read the body of a GET, which would then be taken for the next request; Microsoft's client for
/// Node.js sends one with each poll. httplib has read nothing beyond the header, so that the body comes next.
void take_body_of_get(const httplib::Request& request) {
  if (request.method != "GET") return;
  std::array<char, 4096> bytes{};
  auto left = request.get_header_value<std::uint64_t>("Content-Length");
  while (left > 0) {
    const int wanted = static_cast<int>(std::min<std::uint64_t>(left, bytes.size()));
    const int count = SSL_read(connection_of(request), bytes.data(), wanted);
    if (count <= 0) return;  // the next read fails too, and httplib ends the connection
    left -= static_cast<std::uint64_t>(count);
  }
}

}  // namespace

struct HttpsServer::Running {
  Running(const Place& place, const Answer& answer);
  void serve(const httplib::Request& request, httplib::Response& response);
  [[nodiscard]] HttpAnswer upgrade(const httplib::Request& request);

  Gate gate;
  std::atomic<bool> closing = false;
  const Answer& answer;
  const WebSocketDoor& door;
  httplib::SSLServer server;
  std::thread thread;
};

HttpsServer::Running::Running(const Place& place, const Answer& answering)
    : answer(answering), door(place.door), server([&place](SSL_CTX& context) {
        SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
        return SSL_CTX_use_certificate_chain_file(&context, place.certificate_file.c_str()) == 1 &&
               SSL_CTX_use_PrivateKey_file(&context, place.key_file.c_str(), SSL_FILETYPE_PEM) == 1;
      }) {
  // Not SO_REUSEPORT, httplib's default: a second lizard on the same address must fail.
  server.set_socket_options([](int socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.set_tcp_nodelay(true);
  server.set_keep_alive_timeout(k_keep_alive_s);
  server.set_keep_alive_max_count(k_requests_per_connection);
  server.new_task_queue = [this] { return new Threads(gate); };  // httplib owns it
  // httplib would wait for the body of a POST that announces none, as `curl -X POST` sends it.
  server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding")) {
      return httplib::Server::HandlerResponse::Unhandled;
    }
    serve(request, response);
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    serve(request, response);
  };
  server.Get(".*", handler).Put(".*", handler).Post(".*", handler).Delete(".*", handler).Patch(".*", handler);
}

void HttpsServer::Running::serve(const httplib::Request& request, httplib::Response& response) {
  gate.pass();
  take_body_of_get(request);
  const bool at_the_door = request.method == "GET" && request.has_header("Upgrade") &&
                           std::ranges::find(door.paths, request.path) != door.paths.end();
  const HttpAnswer result = at_the_door ? upgrade(request)
                                        : answer({.method = request.method,
                                                  .path = request.path,
                                                  .api_version = request.get_param_value("api-version"),
                                                  .authorization = request.get_header_value("Authorization"),
                                                  .content_type = request.get_header_value("Content-Type"),
                                                  .body = request.body,
                                                  .caller_is_gone = [this] { return closing.load(); }});
  response.status = result.status;
  for (const auto& [name, value] : result.headers) response.set_header(name, value);
  response.set_content(result.body, "application/json; charset=utf-8");
}

/// Serves the WebSocket to its end. The answer after that is for a connection that is shut down already: httplib cannot
/// write it, and buries the connection.
HttpAnswer HttpsServer::Running::upgrade(const httplib::Request& request) {
  const std::string key = request.get_header_value("Sec-WebSocket-Key");
  const std::string objection = objection_to({.upgrade = request.get_header_value("Upgrade"),
                                              .version = request.get_header_value("Sec-WebSocket-Version"),
                                              .key = key,
                                              .protocols = request.get_header_value("Sec-WebSocket-Protocol")});
  if (!objection.empty()) return {.status = 400, .body = R"({"message":")" + objection + "\"}", .headers = {}};
  const auto hold = [this] { gate.pass(); };
  const bool served = serve_websocket(connection_of(request), key, door, hold);
  hold();
  if (served) return {.status = 500, .body = "", .headers = {{"Connection", "close"}}};
  return {.status = 503, .body = R"({"message":"The service is unavailable."})", .headers = {}};
}

HttpsServer::HttpsServer(Place place, Answer answer) : place_(std::move(place)), answer_(std::move(answer)) {}

HttpsServer::~HttpsServer() { close(); }

core::Result<void> HttpsServer::open() {
  close();
  auto running = std::make_unique<Running>(place_, answer_);
  const std::string where = place_.address + ":" + std::to_string(place_.port);
  if (!running->server.is_valid()) {
    return core::fail(core::Fault::BadConfiguration, "cannot use the certificate " + place_.certificate_file);
  }
  if (!running->server.bind_to_port(place_.address, place_.port)) {
    std::string what = "cannot listen on " + where + ": " + std::error_code(errno, std::generic_category()).message();
    if (errno == EACCES) what += "; choose a port over 1023 with --dps-port, or run as root";
    if (errno == EADDRINUSE) what += "; is another lizard running there? choose another --network";
    return core::fail(core::Fault::BadConfiguration, std::move(what));
  }
  running->thread = std::thread([server = &running->server] { server->listen_after_bind(); });
  running_ = std::move(running);
  // stop() does nothing to a server that does not run yet.
  const auto deadline = std::chrono::steady_clock::now() + k_start_timeout;
  while (!running_->server.is_running()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return core::fail(core::Fault::TimedOut, "the server on " + where + " does not start");
    }
    std::this_thread::yield();
  }
  return {};
}

void HttpsServer::close() {
  if (!running_) return;
  running_->closing = true;
  running_->server.stop();
  reset_connections(place_.address, place_.port);
  running_->gate.open();
  running_->thread.join();
  running_.reset();
}

void HttpsServer::freeze() {
  if (running_) running_->gate.shut();
}

void HttpsServer::unfreeze() {
  if (!running_) return;
  drop_connections();
  running_->gate.open();
}

void HttpsServer::drop_connections() const { reset_connections(place_.address, place_.port); }

}  // namespace iotc_ha::lizard
