#include "window.hpp"

#include "embedded_files.hpp"
#include "network.hpp"
#include "window_feed.hpp"

#include <arpa/inet.h>
#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace iotc_ha::lizard {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t k_threads = 24;
constexpr int k_feeds_max = 12;  ///< each holds a thread for as long as its window is open
constexpr std::size_t k_request_bytes_max = 64UL * 1024;
constexpr std::time_t k_keep_alive_s = 1;  ///< an end of the lizard waits for idle connections
constexpr milliseconds k_pace{100};        ///< between two events of a feed
constexpr milliseconds k_look_again{200};
constexpr std::chrono::seconds k_sign_of_life{5};
constexpr std::chrono::seconds k_start_timeout{5};

/// The reply to a command of the page: one line.
class PageReply : public Reply {
 public:
  explicit PageReply(const std::atomic<bool>& closing) : closing_(closing) {}
  bool line(std::string_view text) override {
    text_ = text;
    return true;
  }
  [[nodiscard]] bool asker_is_gone() const override { return closing_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const std::atomic<bool>& closing_;
  std::string text_;
};

/// The name in a Host header, without the port.
std::string_view name_of_host(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  return host.substr(0, colon);
}

/// A name that no web site can have made point here. Any port: it may have come through a tunnel.
bool is_loopback(const std::string& host) {
  const std::string name(name_of_host(host));
  if (name == "localhost" || name == "[::1]") return true;
  in_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24U == 127;
}

const char* type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return nullptr;
}

void refuse(httplib::Response& response, int status, const std::string& why) {
  response.status = status;
  response.set_content(json{{"error", why}}.dump(), "application/json");
}

}  // namespace

struct Window::Running {
  Running(Lizard& the_lizard, Answers& the_answers);
  ~Running();
  void do_command(const httplib::Request& request, httplib::Response& response);
  void feed(httplib::Response& response);
  [[nodiscard]] bool tell(WindowFeed& feed, std::uint64_t& seen, steady_clock::time_point& told,
                          httplib::DataSink& sink);

  Lizard& lizard;
  Answers& answers;
  std::atomic<bool> closing = false;
  std::atomic<int> feeds = 0;
  httplib::Server server;
  std::thread thread;
};

Window::Running::Running(Lizard& the_lizard, Answers& the_answers) : lizard(the_lizard), answers(the_answers) {
  server.set_socket_options([](int socket) {  // not SO_REUSEPORT, httplib's default: a second lizard must fail
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.set_tcp_nodelay(true);
  server.set_keep_alive_timeout(k_keep_alive_s);
  server.set_payload_max_length(k_request_bytes_max);
  server.new_task_queue = [] { return new httplib::ThreadPool(k_threads); };  // httplib owns it
  server.set_default_headers({{"Cache-Control", "no-store"},
                              {"Content-Security-Policy",
                               "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                               "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
                              {"Referrer-Policy", "no-referrer"},
                              {"X-Content-Type-Options", "nosniff"}});
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (is_loopback(request.get_header_value("Host"))) return httplib::Server::HandlerResponse::Unhandled;
    refuse(response, 403, "this page is served to loopback addresses only");
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Get("/events", [this](const httplib::Request&, httplib::Response& response) { feed(response); });
  server.Post("/do",
              [this](const httplib::Request& request, httplib::Response& response) { do_command(request, response); });
  server.Get("/([a-z.]*)", [](const httplib::Request& request, httplib::Response& response) {
    const std::string asked = request.matches[1];
    const std::string name = asked.empty() ? "index.html" : asked;
    const std::string_view text = embedded_file(name);
    if (text.empty() || type_of(name) == nullptr) return refuse(response, 404, "there is no " + name + " here");
    response.set_content(text.data(), text.size(), type_of(name));
  });
}

Window::Running::~Running() {
  closing = true;
  server.stop();
  if (thread.joinable()) thread.join();
}

void Window::Running::do_command(const httplib::Request& request, httplib::Response& response) {
  static const std::set<std::string> k_commands{"attack", "revive", "move", "command", "c2d", "desired"};
  if (request.get_header_value("Origin") != "http://" + request.get_header_value("Host")) {
    return refuse(response, 403, "only the page itself may do this");
  }
  if (!request.get_header_value("Content-Type").starts_with("application/json")) {
    return refuse(response, 415, "a command is application/json");
  }
  const json command = json::parse(request.body, nullptr, false);
  if (!command.is_object()) return refuse(response, 400, "the command is not a JSON object");
  const auto name = command.find("command");
  if (name == command.end() || !name->is_string() || !k_commands.contains(name->get<std::string>())) {
    return refuse(response, 400, "no button does this");
  }
  PageReply reply(closing);
  answers.answer(request.body, reply);
  response.set_content(reply.text(), "application/json");
}

bool Window::Running::tell(WindowFeed& feed, std::uint64_t& seen, steady_clock::time_point& told,
                           httplib::DataSink& sink) {
  if (!sink.is_writable()) return false;  // the window was closed
  std::string text = feed.next();
  const auto now = steady_clock::now();
  if (text.empty() && now - told > k_sign_of_life) text = ": still here\n\n";
  if (!text.empty()) {
    told = now;
    if (!sink.write(text.data(), text.size())) return false;
  }
  std::this_thread::sleep_for(k_pace);
  lizard.wait_for_change(seen, k_look_again);
  return !closing;
}

void Window::Running::feed(httplib::Response& response) {
  if (++feeds > k_feeds_max) {
    --feeds;
    return refuse(response, 503, "too many windows are open");
  }
  response.set_chunked_content_provider(
      "text/event-stream",
      [this, feed = std::make_shared<WindowFeed>(lizard), seen = std::uint64_t{0}, told = steady_clock::now()](
          std::size_t, httplib::DataSink& sink) mutable { return tell(*feed, seen, told, sink); },
      [this](bool) { --feeds; });
}

Window::Window(Lizard& lizard, Answers& answers) : lizard_(lizard), answers_(answers) {}

Window::~Window() = default;

core::Result<void> Window::open() {
  const Settings& settings = lizard_.settings();
  if (settings.window_port == 0) return {};
  auto running = std::make_unique<Running>(lizard_, answers_);
  const std::string address = dps_address(settings.network);
  if (!running->server.bind_to_port(address, settings.window_port)) {
    return core::fail(core::Fault::BadConfiguration,
                      "cannot listen on " + address + ":" + std::to_string(settings.window_port) +
                          " for the window: " + std::error_code(errno, std::generic_category()).message() +
                          "; choose another port with --window, or 0 for none");
  }
  running->thread = std::thread([server = &running->server] { server->listen_after_bind(); });
  // stop() does nothing to a server that does not run yet.
  const auto deadline = steady_clock::now() + k_start_timeout;
  while (!running->server.is_running()) {
    if (steady_clock::now() > deadline) return core::fail(core::Fault::TimedOut, "the window does not open");
    std::this_thread::yield();
  }
  running_ = std::move(running);
  return {};
}

}  // namespace iotc_ha::lizard
