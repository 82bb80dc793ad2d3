#include "device.hpp"
#include "provisioning.hpp"
#include "running_lizard.hpp"

#include <gtest/gtest.h>

#include <future>

namespace iotc_ha::lizard::test {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr const char* k_version = "?api-version=2022-07-31";

class CentralApi : public testing::Test {
 protected:
  CentralApi()
      : lizard({"--assigning-polls", "0", "--retry-after", "0"}),
        dps(lizard, "d1"),
        token(lizard.facts()["central_token"]) {
    dps.register_device();
    hub_a = lizard.hub_address("hub-a");
  }
  Answer call(const std::string& method, const std::string& path, const json& body = nullptr) {
    return dps.call(method, "/api/devices" + path + k_version, body.is_null() ? "" : body.dump(), token);
  }
  Answer get(const std::string& path) { return call("GET", path); }
  /// Of telemetry. What a hub has acknowledged is on its way to the cloud, and seen there a moment later.
  json value_of(const std::string& path) { return get(path).body.value("value", json()); }
  /// Connects and subscribes to everything. The cloud hears of it in order, so that it knows when it answers a GET.
  void connect(Device& device) const {
    ASSERT_EQ(device.connect(hub_a), 0);
    ASSERT_TRUE(device.subscribe_all());
    device.send("$iothub/twin/GET/?$rid=listening", "", 0);
    ASSERT_TRUE(device.receive("$iothub/twin/res/200/?$rid=listening"));
  }
  /// Answers the next call of the method with this status and payload.
  static void answer_next(Device& device, const std::string& method, const std::string& status_and_payload) {
    const auto request = device.receive("$iothub/methods/POST/" + method + "/?$rid=");
    ASSERT_TRUE(request) << "nobody has called " << method;
    const std::string rid = request->topic.substr(request->topic.find("$rid=") + 5);
    device.publish("$iothub/methods/res/" + status_and_payload.substr(0, 3) + "/?$rid=" + rid,
                   status_and_payload.substr(3), 0);
  }
  static void expect_error(const Answer& answer, int status, const std::string& code) {
    EXPECT_EQ(answer.status, status) << answer.body;
    ASSERT_TRUE(answer.body.contains("error")) << answer.body;
    EXPECT_EQ(answer.body["error"]["code"], code);
    EXPECT_FALSE(answer.body["error"].value("message", "").empty());
    EXPECT_FALSE(answer.body["error"].value("requestId", "").empty());
    EXPECT_TRUE(answer.body["error"].value("time", "").ends_with(" GMT")) << answer.body;
  }

  RunningLizard lizard;
  Provisioning dps;
  std::string token;
  std::string hub_a;
};

TEST_F(CentralApi, ListsAndDescribesItsDevices) {
  const Answer list = get("");
  ASSERT_EQ(list.status, 200) << list.body;
  ASSERT_EQ(list.body["value"].size(), 1U);
  const Answer one = get("/d1");
  ASSERT_EQ(one.status, 200) << one.body;
  EXPECT_EQ(one.body, list.body["value"][0]);
  EXPECT_EQ(one.body["id"], "d1");
  EXPECT_EQ(one.body["template"], "dtmi:Sample:Failover;1");
  EXPECT_EQ(one.body["provisioned"], true);
  EXPECT_EQ(one.body["simulated"], false);
  EXPECT_EQ(one.body["enabled"], true);
}

TEST_F(CentralApi, DisablesAndEnablesADevice) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  EXPECT_EQ(call("PATCH", "/d1", {{"enabled", false}}).body["enabled"], false);
  EXPECT_TRUE(device.is_closed());
  EXPECT_EQ(device.connect(hub_a), 5);
  EXPECT_EQ(call("PATCH", "/d1", {{"enabled", true}}).body["enabled"], true);
  EXPECT_EQ(device.connect(hub_a), 0);
  expect_error(call("PATCH", "/d1", {{"displayName", "x"}}), 422, "UnprocessableContent");
}

TEST_F(CentralApi, CredentialsThatItGivesConnectADevice) {
  const Answer answer = get("/d1/credentials");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body["idScope"], lizard.facts()["id_scope"]);
  for (const char* key : {"primaryKey", "secondaryKey"}) {
    Device device(lizard, {.id = "d1", .key = answer.body["symmetricKey"][key]});
    EXPECT_EQ(device.connect(hub_a), 0) << key;
  }
}

TEST_F(CentralApi, AWrittenPropertyReachesTheDeviceAndItsAcknowledgementIsShown) {
  Device device(lizard, {.id = "d1"});
  connect(device);
  const Answer written = call("PATCH", "/d1/properties", {{"fanSpeed", 42}});
  ASSERT_EQ(written.status, 200) << written.body;
  EXPECT_EQ(written.body, json::parse(R"({"$metadata":{"fanSpeed":{"desiredValue":42}}})"));
  const auto push = device.receive("$iothub/twin/PATCH/properties/desired/?$version=2");
  ASSERT_TRUE(push);
  EXPECT_EQ(json::parse(push->body), json::parse(R"({"fanSpeed":42,"$version":2})"));

  EXPECT_EQ(get("/d1/properties").body,
            json::parse(R"({"$metadata":{"fanSpeed":{"desiredValue":42,"desiredVersion":2}}})"));
  device.send("$iothub/twin/PATCH/properties/reported/?$rid=1",
              R"({"battery":60.5,"fanSpeed":{"value":42,"ac":200,"av":2,"ad":"done"}})", 0);
  ASSERT_TRUE(device.receive("$iothub/twin/res/204/?$rid=1"));
  const json shown = get("/d1/properties").body;
  EXPECT_EQ(shown["battery"], 60.5);
  EXPECT_EQ(shown["fanSpeed"], 42);
  const json& about = shown["$metadata"]["fanSpeed"];
  EXPECT_EQ(about["ackCode"], 200);
  EXPECT_EQ(about["ackVersion"], 2);
  EXPECT_EQ(about["ackDescription"], "done");
  EXPECT_EQ(about["desiredVersion"], 2);
  EXPECT_TRUE(about["lastUpdateTime"].get<std::string>().ends_with("Z"));
  EXPECT_TRUE(shown["$metadata"]["battery"].contains("lastUpdateTime"));
}

TEST_F(CentralApi, PutTakesBackWhatItDoesNotNameAndPatchDoesNot) {
  call("PATCH", "/d1/properties", {{"a", 1}, {"b", 2}});
  call("PATCH", "/d1/properties", {{"b", 3}});
  EXPECT_EQ(lizard.ask({"twin", "d1"})["desired"], json::parse(R"({"a":1,"b":3,"$version":3})"));
  EXPECT_EQ(call("PUT", "/d1/properties", {{"c", 4}}).status, 200);
  EXPECT_EQ(lizard.ask({"twin", "d1"})["desired"], json::parse(R"({"c":4,"$version":4})"));
}

TEST_F(CentralApi, ComponentsHavePropertiesTelemetryAndCommandsOfTheirOwn) {
  Device device(lizard, {.id = "d1"});
  connect(device);
  EXPECT_EQ(call("PATCH", "/d1/components/engine/properties", {{"limit", 7}}).status, 200);
  EXPECT_EQ(lizard.ask({"twin", "d1"})["desired"], json::parse(R"({"engine":{"__t":"c","limit":7},"$version":2})"));
  device.send("$iothub/twin/PATCH/properties/reported/?$rid=1", R"({"engine":{"__t":"c","hours":3}})", 0);
  ASSERT_TRUE(device.receive("$iothub/twin/res/204/?$rid=1"));
  const json engine = get("/d1/components/engine/properties").body;
  EXPECT_EQ(engine["hours"], 3);
  EXPECT_EQ(engine["$metadata"]["limit"]["desiredValue"], 7);
  EXPECT_EQ(get("/d1/properties").body, json({{"engine", engine}}));

  ASSERT_TRUE(device.publish("devices/d1/messages/events/%24.sub=engine", R"({"rpm":900})"));
  EXPECT_TRUE(eventually([&] { return value_of("/d1/components/engine/telemetry/rpm") == 900; }));
  expect_error(get("/d1/telemetry/rpm"), 404, "NotFound");

  auto answer = std::async(std::launch::async, [this] {
    return Provisioning(lizard, "d1")
        .call("POST", std::string("/api/devices/d1/components/engine/commands/start") + k_version, "{}", token);
  });
  answer_next(device, "engine*start", R"(200true)");
  EXPECT_EQ(answer.get().body["response"], true);
}

TEST_F(CentralApi, TheLastValueOfTelemetryIsShownWithTheTimeThatTheDeviceGaveIt) {
  Device device(lizard, {.id = "d1"});
  ASSERT_EQ(device.connect(hub_a), 0);
  expect_error(get("/d1/telemetry/temp"), 404, "NotFound");
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", R"({"temp":20.5,"humidity":40})"));
  ASSERT_TRUE(device.publish("devices/d1/messages/events/iothub-creation-time-utc=2026-11-23T10%3A00%3A00.000Z",
                             R"({"temp":21.5})"));
  ASSERT_TRUE(device.publish("devices/d1/messages/events/", "not JSON, though \"temp\" is in it"));
  const json last{{"timestamp", "2026-11-23T10:00:00.000Z"}, {"value", 21.5}};
  EXPECT_TRUE(eventually([&] { return lizard.ask({"telemetry", "--count"})["count"] == 3; }));
  EXPECT_EQ(get("/d1/telemetry/temp").body, last);
  EXPECT_EQ(value_of("/d1/telemetry/humidity"), 40);
}

TEST_F(CentralApi, ACommandIsCalledAnsweredAndRemembered) {
  Device device(lizard, {.id = "d1"});
  connect(device);
  EXPECT_EQ(get("/d1/commands/echo").body, json::parse(R"({"value":[]})"));
  auto answer = std::async(std::launch::async, [this] {
    return call("POST", "/d1/commands/echo", {{"request", "hi"}});
  });
  answer_next(device, "echo", R"(202{"response":"hi"})");
  const Answer result = answer.get();
  EXPECT_EQ(result.status, 201) << result.body;
  EXPECT_EQ(result.body["responseCode"], 202) << "the device's own code";
  EXPECT_EQ(result.body["response"], json::parse(R"({"response":"hi"})"));
  EXPECT_EQ(get("/d1/commands/echo").body, json({{"value", {result.body}}}));
}

TEST_F(CentralApi, ACommandToADeviceThatIsAwayFailsAtOnceOrWaitsAsLongAsItWasTold) {
  expect_error(call("POST", "/d1/commands/echo", {{"request", "hi"}}), 404, "NotFound");
  auto answer = std::async(std::launch::async, [this] {
    return call("POST", "/d1/commands/echo", {{"request", "hi"}, {"connectionTimeout", 20}});
  });
  Device device(lizard, {.id = "d1"});
  connect(device);
  answer_next(device, "echo", R"(200"hi")");
  EXPECT_EQ(answer.get().body["response"], "hi");
}

TEST_F(CentralApi, ACommandThatNobodyAnswersEndsWithItsTime) {
  Device device(lizard, {.id = "d1"});
  connect(device);
  expect_error(
      dps.call("POST", std::string("/api/devices/d1/commands/echo") + k_version, R"({"responseTimeout":5})", token),
      408, "RequestTimeout");
}

TEST_F(CentralApi, ACommandThatWaitsForItsAnswerHoldsUpNobodyWhoKillsTheServer) {
  Device device(lizard, {.id = "d1"});
  connect(device);
  auto waiting = std::async(std::launch::async, [this] { return call("POST", "/d1/commands/echo").status; });
  ASSERT_TRUE(device.receive("$iothub/methods/POST/echo/"));
  const auto before = steady_clock::now();
  lizard.ask({"attack", "dps"});
  EXPECT_LT(steady_clock::now() - before, seconds(5));
  EXPECT_NE(waiting.get(), 201);
}

TEST_F(CentralApi, ADurableCommandOfTheTemplateWaitsForTheDevice) {
  const Answer queued = call("POST", "/d1/commands/setAlarm", {{"request", "14:30"}});
  EXPECT_EQ(queued.status, 201) << queued.body;
  EXPECT_FALSE(queued.body.contains("responseCode"));
  EXPECT_EQ(lizard.device("d1")["c2d_queued"], 1);
  Device device(lizard, {.id = "d1"});
  connect(device);
  const auto message = device.receive("devices/d1/messages/devicebound/");
  ASSERT_TRUE(message);
  EXPECT_EQ(message->body, R"("14:30")");
  EXPECT_NE(message->topic.find("&method-name=setAlarm&"), std::string::npos) << message->topic;
  EXPECT_EQ(get("/d1/commands/setAlarm").body["value"][0]["request"], "14:30");
}

TEST_F(CentralApi, NobodyGetsInWithoutTheToken) {
  const std::string good = token;
  for (const std::string& wrong : {std::string(), good + "x", "Bearer " + good}) {
    token = wrong;
    expect_error(get(""), 401, "Unauthorized");
    expect_error(call("PATCH", "/d1/properties", {{"fanSpeed", 1}}), 401, "Unauthorized");
  }
  EXPECT_EQ(lizard.ask({"twin", "d1"})["desired"], json::parse(R"({"$version":1})"));
}

TEST_F(CentralApi, AnotherVersionOfTheInterfaceIsNotThere) {
  for (const std::string version : {"", "?api-version=", "?api-version=1.0", "?api-version=2022-10-31-preview"}) {
    expect_error(dps.call("GET", "/api/devices" + version, "", token), 404, "NotFound");
  }
}

TEST_F(CentralApi, SaysWhatIsWrongWithARequest) {
  for (const std::string path :
       {"/d9", "/d9/credentials", "/d9/properties", "/d9/commands/echo", "/d9/telemetry/temp"}) {
    expect_error(get(path), 404, "NotFound");
  }
  for (const std::string path : {"/d1/", "/d1/holidays", "/d1/telemetry", "/d1/commands", "/d1/commands/e%2Bcho",
                                 "/d1/properties/fanSpeed", "/d1/components/a.b/properties", "/d1/telemetry/a/b"}) {
    EXPECT_TRUE(get(path).status == 404 || path == "/d1/") << path;
  }
  expect_error(call("DELETE", "/d1"), 405, "MethodNotAllowed");
  expect_error(call("POST", "/d1/properties", json::object()), 405, "MethodNotAllowed");
  expect_error(call("PATCH", "/d1/properties", json::array()), 400, "BadRequest");
  expect_error(call("PATCH", "/d1/properties", {{"$version", 1}}), 400, "BadRequest");
  expect_error(call("PATCH", "/d1/properties", {{"a.b", 1}}), 422, "UnprocessableContent");
  expect_error(call("PATCH", "/d1/properties", {{"a", std::string(5000, 'x')}}), 422, "UnprocessableContent");
  for (const json& body :
       {json({{"responseTimeout", 4}}), json({{"connectionTimeout", 31}}), json({{"responseTimeout", "9"}})}) {
    expect_error(call("POST", "/d1/commands/echo", body), 422, "UnprocessableContent");
  }
}

}  // namespace
}  // namespace iotc_ha::lizard::test
