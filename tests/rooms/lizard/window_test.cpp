#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <gtest/gtest.h>
#include <httplib.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace iotc_ha::lizard::test {
namespace {

/// One open stream of server-sent events, read on a thread of its own.
class Feed {
 public:
  Feed(const std::string& address, int port) : client_(address, port) {
    client_.set_read_timeout(k_patience);
    thread_ = std::thread([this] {
      const auto result = client_.Get("/events", [this](const char* bytes, std::size_t size) {
        const std::lock_guard lock(mutex_);
        text_.append(bytes, size);
        return !over_;
      });
      const std::lock_guard lock(mutex_);
      status_ = result ? result->status : 0;
      ended_ = true;
    });
  }
  ~Feed() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    client_.stop();
    thread_.join();
  }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// What has come so far as events of this name.
  std::vector<json> events(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::vector<json> found;
    const std::string start = "event: " + name + "\ndata: ";
    for (std::size_t at = text_.find(start); at != std::string::npos; at = text_.find(start, at + 1)) {
      const std::size_t end = text_.find("\n\n", at);
      if (end != std::string::npos)
        found.push_back(json::parse(text_.substr(at + start.size(), end - at - start.size())));
    }
    return found;
  }
  /// True when `is_so` holds for an event of this name, or will.
  bool tells(const std::string& name, const std::function<bool(const json&)>& is_so) {
    return eventually([&] {
      const auto all = events(name);
      return std::ranges::any_of(all, is_so);
    });
  }
  bool ended() {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  httplib::Client client_;
  std::thread thread_;
  std::mutex mutex_;
  std::string text_;
  int status_ = -1;
  bool over_ = false;
  bool ended_ = false;
};

class Window : public testing::Test {
 protected:
  Window() : lizard({"--assigning-polls", "0"}), address(lizard.facts()["dps"]["address"]), client(address, k_port) {
    host = address + ":" + std::to_string(k_port);
    client.set_read_timeout(k_patience);
  }
  httplib::Result post(const std::string& body, httplib::Headers headers) {
    return client.Post("/do", headers, body, "application/json");
  }
  /// As the page itself posts.
  json press(const json& command) {
    const auto result = post(command.dump(), {{"Origin", "http://" + host}});
    EXPECT_TRUE(result && result->status == 200) << (result ? result->body : "no answer");
    return result ? json::parse(result->body) : json();
  }

  static constexpr int k_port = 7777;
  RunningLizard lizard;
  std::string address;
  std::string host;
  httplib::Client client;
};

TEST_F(Window, IsWhereStatusSaysAndLetsNothingInFromElsewhere) {
  EXPECT_EQ(lizard.facts()["window"], "http://" + host + "/");
  for (const std::string path :
       {"/", "/main.js", "/story.js", "/timeline.js", "/cards.js", "/style.css", "/icon.svg"}) {
    const auto result = client.Get(path);
    ASSERT_TRUE(result) << path;
    EXPECT_EQ(result->status, 200) << path;
    EXPECT_FALSE(result->body.empty());
    EXPECT_NE(result->get_header_value("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
    EXPECT_EQ(result->body.find("https://"), std::string::npos) << path << " leads out of this machine";
  }
  for (const std::string path : {"/Failover.json", "/nothing.js", "/a/b", "/../etc/passwd", "/do"}) {
    EXPECT_EQ(client.Get(path)->status, 404) << path;
  }
}

TEST_F(Window, TellsFirstHowItIsAndThenWhatHappens) {
  Provisioning(lizard, "d1").register_device();
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(lizard.hub_address("hub-a")), 0);
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", R"({"temp":1})"));
  ASSERT_TRUE(eventually([&] { return lizard.ask({"telemetry", "--count"})["count"] == 1; }));
  Feed feed(address, k_port);
  ASSERT_TRUE(feed.tells("snapshot", [](const json&) { return true; }));
  const json snapshot = feed.events("snapshot").front();
  EXPECT_EQ(snapshot["state"]["hubs"].size(), 2U);
  EXPECT_EQ(snapshot["state"]["dps"]["state"], "up");
  EXPECT_EQ(snapshot["state"]["devices"][0]["connected_to"], "hub-a");
  EXPECT_EQ(snapshot["messages"].size(), 1U);
  EXPECT_EQ(snapshot["messages"][0][1], "d1");
  EXPECT_TRUE(std::ranges::any_of(snapshot["events"], [](const json& event) { return event["event"] == "connected"; }));

  ASSERT_TRUE(device.publish("devices/d1/messages/events/", R"({"temp":2})"));
  EXPECT_TRUE(feed.tells("news", [](const json& news) {
    return news["messages"].size() == 1 && news["messages"][0][2] == "hub-a" && news["messages"][0][3] == 1;
  }));
  lizard.ask({"attack", "hub-a"});
  EXPECT_TRUE(feed.tells("state", [](const json& state) { return state["hubs"][0]["state"] == "killed"; }));
  EXPECT_TRUE(feed.tells("state", [](const json& state) { return state["devices"][0]["connected_to"].is_null(); }));
  EXPECT_TRUE(feed.tells("news", [](const json& news) {
    return std::ranges::any_of(news["events"], [](const json& event) { return event["event"] == "disconnected"; });
  }));
}

TEST_F(Window, SaysNothingSecret) {
  Provisioning(lizard, "d1").register_device();
  Feed feed(address, k_port);
  ASSERT_TRUE(feed.tells("snapshot", [](const json&) { return true; }));
  const std::string said = feed.events("snapshot").front().dump();
  EXPECT_EQ(said.find(lizard.facts()["group_key"].get<std::string>()), std::string::npos);
  EXPECT_EQ(said.find("SharedAccessSignature"), std::string::npos);
  for (const char* command : {"status", "config", "telemetry", "events", "throttle", "no such"}) {
    const auto result = post(json{{"command", command}}.dump(), {{"Origin", "http://" + host}});
    EXPECT_EQ(result->status, 400) << command << ": " << result->body;
  }
}

TEST_F(Window, ItsButtonsDoWhatTheyName) {
  Provisioning(lizard, "d1").register_device();
  for (const std::string how : {"kill", "unplug", "refuse"}) {
    EXPECT_EQ(press({{"command", "attack"}, {"target", "hub-b"}, {"how", how}}), json({{"ok", true}}));
    EXPECT_NE(lizard.hub("hub-b")["state"], "up") << how;
    EXPECT_EQ(press({{"command", "revive"}, {"target", "hub-b"}}), json({{"ok", true}}));
    EXPECT_EQ(lizard.hub("hub-b")["state"], "up") << how;
  }
  EXPECT_EQ(press({{"command", "move"}, {"device", "d1"}, {"hub", "hub-b"}}), json({{"ok", true}}));
  EXPECT_EQ(lizard.device("d1")["assigned"], "hub-b");
  EXPECT_EQ(press({{"command", "desired"}, {"device", "d1"}, {"patch", R"({"fanSpeed":40})"}})["version"], 2);
  const json properties = json::array({json::array({"method-name", "setAlarm"})});
  EXPECT_TRUE(
      press({{"command", "c2d"}, {"device", "d1"}, {"body", "\"14:30\""}, {"properties", properties}}).contains("mid"));
  EXPECT_EQ(lizard.device("d1")["c2d_queued"], 1);
  const json echo = press({{"command", "command"}, {"device", "d1"}, {"method", "echo"}, {"payload", "1"}});
  EXPECT_NE(echo.value("error", "").find("not connected"), std::string::npos) << echo;
}

TEST_F(Window, NoOtherPageOfABrowserCanPressItsButtons) {
  const std::string attack = json{{"command", "attack"}, {"target", "hub-a"}, {"how", "kill"}}.dump();
  const std::string own = "http://" + host;
  for (const httplib::Headers& headers :
       {httplib::Headers{}, httplib::Headers{{"Origin", "http://evil.example"}}, httplib::Headers{{"Origin", "null"}},
        httplib::Headers{{"Origin", "http://" + address + ":8080"}}, httplib::Headers{{"Origin", "https://" + host}},
        httplib::Headers{{"Origin", own + ".evil.example"}},
        // a name of an attacker's that was made to point here
        httplib::Headers{{"Host", "evil.example:7777"}, {"Origin", "http://evil.example:7777"}}}) {
    const auto result = post(attack, headers);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 403) << result->body;
  }
  EXPECT_EQ(client.Post("/do", {{"Origin", own}}, attack, "text/plain")->status, 415);
  EXPECT_EQ(post("[]", {{"Origin", own}})->status, 400);
  EXPECT_EQ(post("{", {{"Origin", own}})->status, 400);
  EXPECT_EQ(client.Get("/events", {{"Host", "evil.example"}})->status, 403);
  EXPECT_EQ(lizard.hub("hub-a")["state"], "up");
  // A tunnel has another port, and is on this machine all the same.
  EXPECT_EQ(post(attack, {{"Host", "localhost:9000"}, {"Origin", "http://localhost:9000"}})->status, 200);
  EXPECT_EQ(lizard.hub("hub-a")["state"], "killed");
}

TEST_F(Window, HoldsUpNobodyWhoEndsTheLizardAndRefusesWhatIsTooMuch) {
  std::vector<std::unique_ptr<Feed>> feeds;
  for (int i = 0; i < 12; ++i) {
    feeds.push_back(std::make_unique<Feed>(address, k_port));
    ASSERT_TRUE(feeds.back()->tells("snapshot", [](const json&) { return true; })) << i;
  }
  EXPECT_EQ(client.Get("/events")->status, 503);
  feeds.pop_back();
  EXPECT_TRUE(eventually([&] {
    feeds.push_back(std::make_unique<Feed>(address, k_port));
    Feed& next = *feeds.back();
    EXPECT_TRUE(eventually([&next] { return next.ended() || !next.events("snapshot").empty(); }));
    if (!next.ended()) return true;
    feeds.pop_back();
    return false;
  })) << "a window that was closed makes room for another";
  EXPECT_LT(lizard.stop(SIGTERM), std::chrono::seconds(3));
  EXPECT_TRUE(eventually([&] { return std::ranges::all_of(feeds, [](const auto& feed) { return feed->ended(); }); }));
}

TEST(WindowOption, MovesItOrLeavesItOut) {
  const RunningLizard none({"--window", "0"});
  EXPECT_TRUE(none.facts()["window"].is_null());
  EXPECT_FALSE(httplib::Client(none.facts()["dps"]["address"].get<std::string>(), 7777).Get("/"));
  const RunningLizard other({"--window", "7000"});
  EXPECT_TRUE(httplib::Client(other.facts()["dps"]["address"].get<std::string>(), 7000).Get("/"));
  const TemporaryDirectory state;
  const Finished taken =
      run_lizard({"run", "--state-dir", state.path(), "--network", none.network(), "--window", "8443"});
  EXPECT_EQ(taken.status, 1);
  EXPECT_NE(taken.err.find("--window"), std::string::npos) << taken.err;
}

}  // namespace
}  // namespace iotc_ha::lizard::test
