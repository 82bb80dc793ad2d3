#include "monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <utility>

namespace iotc_ha::bus {
namespace {

using Json = nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<std::string> k_agent{"io.github.iotc_ha", "/io/github/iotc_ha", "io.github.iotc_ha.Agent1"};
const std::vector<std::string> k_log_control{"io.github.iotc_ha", "/org/freedesktop/LogControl1",
                                             "org.freedesktop.LogControl1"};

std::vector<std::string> words(const std::string& first, std::vector<std::string> middle,
                               const std::vector<std::string>& last = {}) {
  middle.insert(middle.begin(), first);
  middle.insert(middle.end(), last.begin(), last.end());
  return middle;
}

class ServiceTest : public testing::Test {
 public:
  ServiceTest() { bus_.start(); }

 protected:
  std::string call(const std::string& method, const std::vector<std::string>& arguments = {}) const {
    return bus_.busctl(words("call", k_agent, words(method, arguments))).text;
  }

  PrivateBus bus_;
};

TEST_F(ServiceTest, IsOnTheBusWhenItIsMade) {
  const Served served(bus_.address());
  EXPECT_EQ(bus_.busctl({"status", "io.github.iotc_ha"}).status, 0);
  EXPECT_THAT(served.notes(), IsEmpty());
}

TEST_F(ServiceTest, EveryPropertyReadsAsItWasPublished) {
  Served served(bus_.address());
  served.on_loop([](Service& service) { service.publish(example_status()); });
  const std::map<std::string, std::string> expected{
      {"State", R"(s "Connected")"},
      {"StateReason", R"(s "the hub answers")"},
      {"StateSince", "t 1700000000000001"},
      {"CurrentHub", R"(s "hub-b.azure-devices.net")"},
      {"PreviousHub", R"(s "hub-a.azure-devices.net")"},
      {"DeviceId", R"(s "failover-linux")"},
      {"ModelId", R"(s "dtmi:Sample:Failover;1")"},
      {"Version", R"(s "1.2.3")"},
      {"NextAttempt", "t 1700000005000000"},
      {"Attempts", "u 3"},
      {"FailoverCount", "t 7"},
      {"ReconnectCount", "t 5"},
      {"LastFailoverDuration", "t 2345000"},
      {"LastError", R"((sst) "ConnectionLost" "hub-a closed the connection" 42)"},
      {"DpsRegistrations", "t 9"},
      {"DpsThrottled", "t 2"},
  };
  for (const auto& [name, text] : expected) EXPECT_EQ(bus_.get_property(name), text) << name;
}

/// One line for each member, argument and annotation of an interface. How our adaptor is generated is nobody's business
/// but ours, and not told on the bus.
std::set<std::string> members(const std::string& xml, const std::string& name) {
  const std::size_t from = xml.find("<interface name=\"" + name + "\">");
  const std::string interface = xml.substr(from, xml.find("</interface>", from) - from);
  std::set<std::string> found;
  const std::regex tag("<(method|property|signal|arg|annotation)([^>]*?)/?>");
  const std::regex attribute("([a-z]+)=\"([^\"]*)\"");
  std::string member;
  for (std::sregex_iterator i(interface.begin(), interface.end(), tag), end; i != end; ++i) {
    const std::string attributes = (*i)[2];
    std::map<std::string, std::string> values;
    for (std::sregex_iterator a(attributes.begin(), attributes.end(), attribute); a != end; ++a) {
      values[(*a)[1]] = (*a)[2];
    }
    if ((*i)[1] != "arg" && (*i)[1] != "annotation") member = values["name"];
    if (values["name"] == "org.freedesktop.DBus.Method.Async") continue;
    std::string line = member + ": " + (*i)[1].str();
    for (const auto& [key, value] : values) line.append(" ").append(key).append("=").append(value);
    found.insert(line);
  }
  return found;
}

struct Interface {
  std::string name;
  const char* xml;
  int members;
  std::string one;  ///< of members(), as a check of the check
};
const std::vector<Interface> k_interfaces{
    {"io.github.iotc_ha.Agent1", IOTC_HA_AGENT_XML, 20, "GetHistory: arg direction=out name=entries type=a(tsss)"},
    {"io.github.iotc_ha.Telemetry1", IOTC_HA_TELEMETRY_XML, 15, "Submit: arg direction=in name=options type=a{sv}"},
    {"io.github.iotc_ha.Twin1", IOTC_HA_TWIN_XML, 7, "Acknowledge: arg direction=in name=code type=i"},
    {"io.github.iotc_ha.Commands1", IOTC_HA_COMMANDS_XML, 3, "Invoked: arg name=durable type=b"},
};

TEST_F(ServiceTest, ServesExactlyTheMembersThatItsXmlNames) {
  const Served served(bus_.address());
  const auto served_xml = bus_.busctl({"introspect", "--xml-interface", "io.github.iotc_ha", "/io/github/iotc_ha"});
  ASSERT_EQ(served_xml.status, 0) << served_xml.text;
  for (const Interface& interface : k_interfaces) {
    EXPECT_EQ(members(served_xml.text, interface.name), members(read_file(interface.xml), interface.name));
    EXPECT_THAT(members(served_xml.text, interface.name), Contains(interface.one));
  }
}

TEST_F(ServiceTest, EveryMemberInTheXmlHasItsDocumentationBeforeIt) {
  for (const Interface& interface : k_interfaces) {
    const std::string xml = read_file(interface.xml);
    const std::regex member("<(method|property|signal) name=\"([A-Za-z0-9]+)\"");
    int count = 0;
    for (std::sregex_iterator i(xml.begin(), xml.end(), member), end; i != end; ++i, ++count) {
      const std::string before = xml.substr(0, static_cast<std::size_t>(i->position()));
      const std::size_t comment = before.rfind("<!-- ");
      const std::size_t gap = before.rfind("-->");
      ASSERT_NE(comment, std::string::npos);
      EXPECT_EQ(before.find_first_not_of(" \n", gap + 3), std::string::npos) << (*i)[2] << ": something is between";
      EXPECT_TRUE(before.substr(comment).starts_with("<!-- " + (*i)[2].str() + ": ")) << (*i)[2];
    }
    EXPECT_EQ(count, interface.members) << interface.name;
  }
}

TEST_F(ServiceTest, OnePropertiesChangedCarriesAllThatChangedAndNothingElse) {
  Served served(bus_.address());
  served.on_loop([](Service& service) { service.publish(example_status()); });
  Monitor monitor(bus_);
  served.on_loop([](Service& service) {
    service.publish(example_status());  // nothing new, so no signal
    core::Status status = example_status();
    status.state = "Reprovision";
    status.current_hub = "";
    status.attempts = 4;
    service.publish(status);
    service.publish_model("dtmi:Sample:Failover;2");
  });
  const Json first = monitor.signal();
  EXPECT_EQ(first["member"], "PropertiesChanged");
  EXPECT_EQ(first["interface"], "org.freedesktop.DBus.Properties");
  const Json three = Json::parse(R"(["io.github.iotc_ha.Agent1", {
      "State": {"type": "s", "data": "Reprovision"},
      "CurrentHub": {"type": "s", "data": ""},
      "Attempts": {"type": "u", "data": 4}}, []])");
  EXPECT_EQ(first["payload"]["data"], three);
  const Json model = Json::parse(R"(["io.github.iotc_ha.Agent1", {
      "ModelId": {"type": "s", "data": "dtmi:Sample:Failover;2"}}, []])");
  EXPECT_EQ(monitor.signal()["payload"]["data"], model);
}

TEST_F(ServiceTest, EveryPropertyButTheVersionTellsOfItsChange) {
  Served served(bus_.address());
  Monitor monitor(bus_);
  served.on_loop([](Service& service) { service.publish(example_status()); });
  const Json changed = monitor.signal()["payload"]["data"][1];
  EXPECT_EQ(changed.size(), 14U) << changed;
  const Json error{{"type", "(sst)"}, {"data", {"ConnectionLost", "hub-a closed the connection", 42}}};
  EXPECT_EQ(changed["LastError"], error);
}

TEST_F(ServiceTest, AFailoverIsASignalWithBothHubsAndItsDuration) {
  Served served(bus_.address());
  Monitor monitor(bus_);
  served.on_loop([](Service& service) { service.failed_over("hub-a", "hub-b", std::chrono::milliseconds{1'500}); });
  const Json signal = monitor.signal();
  EXPECT_EQ(signal["member"], "FailedOver");
  EXPECT_EQ(signal["interface"], "io.github.iotc_ha.Agent1");
  EXPECT_EQ(signal["payload"], Json::parse(R"({"type": "sst", "data": ["hub-a", "hub-b", 1500000]})"));
}

TEST_F(ServiceTest, ReconnectAndReprovisionReachTheAgentOnceForEachCall) {
  Served served(bus_.address());
  EXPECT_EQ(call("Reconnect"), "");
  EXPECT_EQ(call("Reconnect"), "");
  EXPECT_EQ(call("Reprovision"), "");
  served.on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served.reconnects, 2);
    EXPECT_EQ(served.reprovisions, 1);
  });
}

TEST_F(ServiceTest, HistoryIsNewestFirstAndAtMostWhatWasAsked) {
  const Served served(bus_.address());
  EXPECT_EQ(call("GetHistory", {"u", "1"}), R"(a(tsss) 1 1700000002000000 "Connecting" "Connected" "twin read")");
  EXPECT_THAT(call("GetHistory", {"u", "100"}), HasSubstr(R"(a(tsss) 2 1700000002000000 "Connecting")"));
  EXPECT_EQ(call("GetHistory", {"u", "0"}), "a(tsss) 0");
}

TEST_F(ServiceTest, TextThatIsNotUtf8IsShownAndDoesNotEndTheConnection) {
  Served served(bus_.address());
  const std::vector<std::pair<std::string, std::string>> texts{
      {"caf\xE9 ferm\xE9", "caf\uFFFD ferm\uFFFD"},  // Latin-1
      {"\xC3\xA9t\xC3\xA9 \xE2\x82\xAC \xF0\x9F\xA6\x8E", "\u00E9t\u00E9 \u20AC \U0001F98E"},
      {"\xE2\x82", "\uFFFD\uFFFD"},                                            // cut short
      {"\xC0\xAF|\xE0\x80\xAF", "\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD"},            // overlong
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},                                  // a surrogate
      {"\xEF\xBF\xBF|\xEF\xB7\x90", "\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD"},  // no characters
      {"\xF4\x90\x80\x80\xF5", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"},              // beyond Unicode
      {std::string("a\0b", 3), "a\uFFFDb"},
  };
  for (const auto& pair : texts) {
    const std::string& text = pair.first;
    served.on_loop([&](Service& service) {
      core::Status status = example_status();
      status.last_error.text = text;
      status.state_reason = text;
      service.publish(status);
      service.failed_over(text, text, {});
    });
    const Output answer = bus_.busctl(words("--json=short", words("get-property", k_agent, {"StateReason"})));
    ASSERT_EQ(answer.status, 0) << answer.text;
    EXPECT_EQ(Json::parse(answer.text)["data"], pair.second);
  }
  EXPECT_THAT(call("GetHistory", {"u", "2"}), HasSubstr("hub-a: "));
  EXPECT_THAT(served.notes(), IsEmpty());
}

TEST_F(ServiceTest, LogControlReadsAndSetsLevelAndTarget) {
  const Served served(bus_.address());
  const auto get = [&](const std::string& name) {
    return bus_.busctl(words("get-property", k_log_control, {name})).text;
  };
  EXPECT_EQ(get("LogLevel"), R"(s "info")");
  EXPECT_EQ(get("LogTarget"), R"(s "journal")");
  EXPECT_EQ(get("SyslogIdentifier"), R"(s "iotc-ha")");
  EXPECT_EQ(bus_.busctl(words("set-property", k_log_control, {"LogLevel", "s", "debug"})).text, "");
  EXPECT_EQ(bus_.busctl(words("set-property", k_log_control, {"LogTarget", "s", "console"})).text, "");
  EXPECT_EQ(get("LogLevel"), R"(s "debug")");
  EXPECT_EQ(get("LogTarget"), R"(s "console")");
}

TEST_F(ServiceTest, EveryErrorHasANameThatSaysWhatWasWrong) {
  const Served served(bus_.address());
  const auto error_of = [&](const std::string& path, const std::vector<std::string>& arguments) {
    std::vector<std::string> command = bus_.dbus_send("io.github.iotc_ha", path);
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command).text;
  };
  EXPECT_THAT(error_of("/io/github/iotc_ha", {"io.github.iotc_ha.Agent1.GetHistory", "string:x"}),
              HasSubstr("Error org.freedesktop.DBus.Error.InvalidArgs"));
  EXPECT_THAT(error_of("/io/github/iotc_ha", {"io.github.iotc_ha.Agent1.NoSuchMethod"}),
              HasSubstr("Error org.freedesktop.DBus.Error.UnknownMethod"));
  const auto set = [&](const std::string& property, const std::string& value) {
    return error_of("/org/freedesktop/LogControl1",
                    {"org.freedesktop.DBus.Properties.Set", "string:org.freedesktop.LogControl1", "string:" + property,
                     "variant:string:" + value});
  };
  EXPECT_THAT(set("LogLevel", "loud"),
              HasSubstr("Error org.freedesktop.DBus.Error.InvalidArgs: \"loud\" is not one of ours"));
  EXPECT_THAT(set("LogTarget", "kmsg"),
              HasSubstr("Error io.github.iotc_ha.Error.StorageFailed: the kernel's log cannot be opened"));
  EXPECT_THAT(set("SyslogIdentifier", "x"), HasSubstr("Error org.freedesktop.DBus.Error.PropertyReadOnly"));
}

}  // namespace
}  // namespace iotc_ha::bus
