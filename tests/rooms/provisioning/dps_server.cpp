#include "dps_server.hpp"

#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>

namespace iotc_ha::provisioning {

struct DpsServer::Inside {
  Identity identity;
  std::vector<Says> says;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Heard> heard;
  std::size_t connections = 0;
  std::size_t resumed = 0;
  std::size_t closed = 0;
  bool ending = false;
  httplib::SSLServer server;
  int port = 0;
  std::thread thread;

  Inside(Identity own, std::vector<Says> script)
      : identity(std::move(own)), says(std::move(script)), server([this](SSL_CTX& context) {
          SSL_CTX_set_app_data(&context, this);
          SSL_CTX_set_info_callback(&context, &on_news);
          return SSL_CTX_use_certificate(&context, identity.certificate.get()) == 1 &&
                 SSL_CTX_use_PrivateKey(&context, identity.key.get()) == 1;
        }) {
    const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
    };
    server.Put(".*", handler);
    server.Get(".*", handler);
    server.set_keep_alive_max_count(1000);
    server.set_keep_alive_timeout(600);  // the client is always the first to go
    port = server.bind_to_any_port("127.0.0.1");
    if (port <= 0) throw std::runtime_error("bind");
    thread = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();  // a stop() before that would be lost
  }

  static void on_news(const SSL* connection, int where, int /*value*/) {
    if ((where & SSL_CB_HANDSHAKE_DONE) == 0) return;
    auto* const self = static_cast<Inside*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
    SSL_set_ex_data(const_cast<SSL*>(connection), own_data(), self);
    const std::scoped_lock lock(self->mutex);
    ++self->connections;
    if (SSL_session_reused(connection) == 1) ++self->resumed;
    self->changed.notify_all();
  }

  /// Where a connection has its server; OpenSSL tells when the connection goes.
  static int own_data() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &on_end);
    return index;
  }
  static void on_end(void* /*connection*/, void* server, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argument*/,
                     void* /*argument*/) {
    auto* const self = static_cast<Inside*>(server);
    if (self == nullptr) return;
    const std::scoped_lock lock(self->mutex);
    ++self->closed;
    self->changed.notify_all();
  }

  bool wait_for(const std::size_t& figure, std::size_t count, std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, limit, [&] { return figure >= count; });
  }

  void answer(const httplib::Request& request, httplib::Response& response) {
    std::unique_lock lock(mutex);
    Heard each{request.method, request.target, request.body, {}, request.remote_port};
    for (const auto& [name, value] : request.headers) each.headers[name] = value;
    const Says& now = says[std::min(heard.size(), says.size() - 1)];
    heard.push_back(std::move(each));
    changed.notify_all();
    if (now.nothing) {
      changed.wait(lock, [this] { return ending; });
      return;
    }
    response.status = now.status;
    for (const auto& [name, value] : now.headers) response.set_header(name, value);
    response.set_content(now.body, "application/json");
  }
};

DpsServer::DpsServer(Identity identity, std::vector<Says> says)
    : inside_(std::make_unique<Inside>(std::move(identity), std::move(says))) {}

DpsServer::~DpsServer() {
  {
    const std::scoped_lock lock(inside_->mutex);
    inside_->ending = true;
  }
  inside_->changed.notify_all();
  inside_->server.stop();
  inside_->thread.join();
}

std::uint16_t DpsServer::port() const { return static_cast<std::uint16_t>(inside_->port); }

std::vector<Heard> DpsServer::heard() const {
  const std::scoped_lock lock(inside_->mutex);
  return inside_->heard;
}

bool DpsServer::wait_for_requests(std::size_t count) {
  std::unique_lock lock(inside_->mutex);
  return inside_->changed.wait_for(lock, k_long_time, [&] { return inside_->heard.size() >= count; });
}

bool DpsServer::wait_for_connections(std::size_t count, std::chrono::milliseconds limit) {
  return inside_->wait_for(inside_->connections, count, limit);
}

bool DpsServer::wait_for_closed(std::size_t count) { return inside_->wait_for(inside_->closed, count, k_long_time); }

std::size_t DpsServer::connections() const {
  const std::scoped_lock lock(inside_->mutex);
  return inside_->connections;
}

std::size_t DpsServer::resumed() const {
  const std::scoped_lock lock(inside_->mutex);
  return inside_->resumed;
}

PlainListener::PlainListener(Manner manner) : manner_(manner), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  if (fd_ < 0 || bind(fd_, raw, length) != 0 || listen(fd_, 8) != 0 || getsockname(fd_, raw, &length) != 0) {
    throw std::runtime_error("listen");
  }
  port_ = ntohs(address.sin_port);
  if (manner_ != Manner::Silent) thread_ = std::thread([this] { serve(); });
}

PlainListener::~PlainListener() {
  shutdown(fd_, SHUT_RDWR);  // ends accept()
  if (thread_.joinable()) thread_.join();
  close(fd_);
}

std::string PlainListener::heard() const {
  const std::scoped_lock lock(mutex_);
  return heard_;
}

void PlainListener::serve() {
  for (int client = accept(fd_, nullptr, nullptr); client >= 0; client = accept(fd_, nullptr, nullptr)) {
    std::array<char, 4096> bytes{};
    const ssize_t count = recv(client, bytes.data(), bytes.size(), 0);
    if (count > 0) {
      const std::scoped_lock lock(mutex_);
      heard_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    if (manner_ == Manner::Refuses) {
      constexpr std::string_view k_answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
      send(client, k_answer.data(), k_answer.size(), MSG_NOSIGNAL);
    } else {
      const linger at_once{1, 0};
      setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close(client);
  }
}

}  // namespace iotc_ha::provisioning
