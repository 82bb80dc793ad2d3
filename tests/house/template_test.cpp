#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/config/config.hpp>
#include <iotc_ha/device/sample.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

// Failover.json is what an operator imports into IoT Central. A name or a type in it that differs from what the device
// sends does not fail anywhere: the value is just not shown. So it is held against the code here.
namespace iotc_ha {
namespace {

using nlohmann::json;
using testing::UnorderedElementsAre;

json read_template() {
  std::ifstream in(IOTC_HA_TEMPLATE);
  if (!in) throw std::runtime_error("cannot open " IOTC_HA_TEMPLATE);
  return json::parse(in);
}

/// The contents of one type, by name.
std::map<std::string, json> contents(const std::string& type) {
  const json interface = read_template();
  std::map<std::string, json> found;
  for (const json& content : interface.at("contents")) {
    if (content.at("@type") == type) found[content.at("name")] = content;
  }
  return found;
}

bool is_of_schema(const json& value, const std::string& schema) {
  if (schema == "double") return value.is_number_float();
  if (schema == "integer") return value.is_number_integer();
  if (schema == "string" || schema == "time") return value.is_string();
  throw std::runtime_error("a schema that this test does not know: " + schema);
}

/// JSON text of a value that has the schema.
std::string example_of(const std::string& schema) {
  const std::map<std::string, std::string> examples{
      {"double", "21.5"}, {"integer", "42"}, {"string", "\"hello\""}, {"time", "\"14:30:00Z\""}};
  return examples.at(schema);
}

/// Name and schema of what an interface of one type has.
std::map<std::string, std::string> schemas(const std::map<std::string, json>& contents) {
  std::map<std::string, std::string> found;
  for (const auto& [name, content] : contents) found[name] = content.at("schema");
  return found;
}

void expect_members_of_schema(const json& sent, const std::map<std::string, std::string>& schemas) {
  std::set<std::string> names;
  for (const auto& [name, schema] : schemas) {
    names.insert(name);
    ASSERT_TRUE(sent.contains(name)) << "the template has " << name << ", and the device does not send it";
    EXPECT_TRUE(is_of_schema(sent.at(name), schema)) << name << " is no " << schema << ": " << sent.at(name);
  }
  for (const auto& member : sent.items()) {
    EXPECT_TRUE(names.contains(member.key()))
        << "the device sends " << member.key() << ", which the template does not have";
  }
}

TEST(Template, HasTheNamesSchemasAndIdsOfTheFailoverSample) {
  const json interface = read_template();
  EXPECT_EQ(interface.at("@id"), "dtmi:Sample:Failover;1");
  EXPECT_EQ(interface.at("@type"), "Interface");
  // The first defines "durable", and must come before the second.
  EXPECT_EQ(interface.at("@context"), json({"dtmi:iotcentral:context;2", "dtmi:dtdl:context;2"}));

  std::vector<std::string> lines;
  const auto payload = [](const json& content, const char* which) {
    if (!content.contains(which)) return std::string();
    return ' ' + std::string(which) + '=' + content.at(which).at("name").get<std::string>() + ':' +
           content.at(which).at("schema").get<std::string>();
  };
  for (const json& content : interface.at("contents")) {
    std::string line = content.at("@type").get<std::string>() + ' ' + content.at("name").get<std::string>();
    if (content.contains("schema")) line += ' ' + content.at("schema").get<std::string>();
    if (content.contains("writable")) line += content.at("writable").get<bool>() ? " writable" : " read-only";
    line += payload(content, "request") + payload(content, "response");
    if (content.value("durable", false)) line += " durable";
    lines.push_back(line);
  }
  EXPECT_THAT(lines, UnorderedElementsAre("Telemetry temp double", "Telemetry humidity double",
                                          "Property battery double read-only", "Property fanSpeed integer writable",
                                          "Command echo request=message:string response=response:string",
                                          "Command setAlarm request=time:time durable"));
}

TEST(Template, IsTheOneThatTheDeviceAnnounces) {
  std::string folder = (std::filesystem::temp_directory_path() / "iotc-ha-template-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::filesystem::path file = std::filesystem::path(folder) / "iotc-ha.conf";
  std::ofstream(file) << "[device]\nid = \"dev-1\"\n[provisioning]\nid_scope = \"0ne00ABCDEF\"\n"
                         "symmetric_key = \"Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=\"\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  const auto config = config::load({file, {}});
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(config) << config::to_string(config.error().front());
  EXPECT_EQ(config->device.model_id, read_template().at("@id"));
}

TEST(Template, TelemetryIsWhatIsSent) {
  expect_members_of_schema(json::parse(device::telemetry_body({21, false}, {40, true})),
                           schemas(contents("Telemetry")));
}

TEST(Template, ReadOnlyPropertiesAreWhatIsReported) {
  std::map<std::string, json> properties = contents("Property");
  std::erase_if(properties, [](const auto& property) { return property.second.value("writable", false); });
  expect_members_of_schema(json::parse(device::battery_patch({60, false})), schemas(properties));
}

TEST(Template, WritablePropertiesAreAppliedAndAcknowledgedWithTheirType) {
  std::set<std::string> writable;
  for (const auto& [name, property] : contents("Property")) {
    if (!property.value("writable", false)) continue;
    writable.insert(name);
    const std::string schema = property.at("schema");
    const auto outcome = device::apply_desired({5, {{name, example_of(schema)}}});
    ASSERT_EQ(outcome.acknowledgements.size(), 1U);
    EXPECT_EQ(outcome.acknowledgements[0].code, 200) << name;
    const auto patch = azure::acknowledgement_patch(outcome.acknowledgements);
    ASSERT_TRUE(patch) << patch.error().what;
    const json acknowledgement = json::parse(*patch).at(name);
    EXPECT_TRUE(is_of_schema(acknowledgement.at("value"), schema)) << acknowledgement;
    EXPECT_EQ(acknowledgement.at("av"), 5);

    const std::string other_type = schema == "string" ? "42" : "\"hello\"";
    EXPECT_EQ(device::apply_desired({5, {{name, other_type}}}).acknowledgements[0].code, 400) << name;
  }
  for (const char* name : {"battery", "temp", "fanspeed", "echo", "unheardOf"}) {
    ASSERT_FALSE(writable.contains(name));
    EXPECT_TRUE(device::apply_desired({5, {{name, "42"}}}).acknowledgements.empty()) << name;
  }
}

TEST(Template, CommandsAreAnsweredAndNoOthers) {
  std::set<std::string> durable;
  std::set<std::string> direct;
  for (const auto& [name, command] : contents("Command")) {
    const std::string request = example_of(command.at("request").at("schema"));
    if (command.value("durable", false)) {
      durable.insert(name);
      const device::CommandOutcome outcome = device::take_command(name, request);
      EXPECT_TRUE(outcome.known) << name;
      EXPECT_EQ(outcome.journal.find("ignored"), std::string::npos) << outcome.journal;
      EXPECT_FALSE(command.contains("response")) << "nothing can answer " << name;
    } else {
      direct.insert(name);
      const device::MethodAnswer answer = device::answer_method(name, request);
      EXPECT_EQ(answer.status, 200) << name;
      EXPECT_TRUE(is_of_schema(json::parse(answer.json), command.at("response").at("schema"))) << answer.json;
    }
  }
  for (const char* name : {"echo", "setAlarm", "Echo", "setalarm", "unheardOf", ""}) {
    EXPECT_EQ(device::answer_method(name, "\"x\"").status == 200, direct.contains(name)) << name;
    EXPECT_EQ(device::take_command(name, "\"14:30\"").known, durable.contains(name)) << name;
  }
}

}  // namespace
}  // namespace iotc_ha
