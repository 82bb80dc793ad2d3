#include "described.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace iotc_ha::config {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// Nothing in it is a default, but the secrets.
std::string nothing_default(const std::string& ca_file) {
  return R"(
[device]
id = "line-7:press.2"
model_id = "dtmi:com:example:Press_2;12"
[provisioning]
id_scope = "0cn0000beef"
group_symmetric_key = ")" +
         std::string(k_group_key) + R"("
host = "127.0.0.9"
transport = "mqtt"
port = 8443
[hub]
transport = "auto"
keep_alive = "90s"
token_life = "10s"
ca_file = ")" +
         ca_file + R"("
proxy = "http://line7:hunter2@proxy.example:3128"
[failover]
profile = "polite"
connect_timeout = "41s"
remembered_timeout = "31s"
dps_timeout = "121s"
drain_timeout = "1500ms"
head_start = "0s"
hub_patience = "1min"
early_poll = false
dps_budget = 7
suspect_after = "1100ms"
silent_after = "9s"
backoff_base = "2s"
backoff_max = "3s"
dps_backoff_base = "4s"
dps_backoff_max = "6s"
same_hub_wait = "7s"
same_hub_wait_max = "8s"
halted_wait = "11s"
halted_wait_max = "12s"
stable_after = "13s"
[spool]
max_bytes = "1000000"
max_age = "12h"
when_full = "reject"
replay_window = "10min"
[sample]
telemetry_send = false
telemetry_period = "500ms"
reported_property_send = false
reported_property_period = "2m"
desired_property_receive = false
direct_method_receive = false
c2d_command_receive = false
[log]
level = "debug"
)";
}

/// Whether what is described is the same when it is read as a configuration, and with the secrets put back. Answers it.
DescribedByKey reads_back_the_same(const ConfigDir& dir, const std::string& secrets) {
  const Description description = describe(dir.sources());
  if (!description.faults.empty()) throw std::runtime_error(to_string(description.faults.front()));
  const ConfigDir other;
  other.main(description.text);
  other.drop_in("secrets.conf", secrets);
  EXPECT_THAT(other.faults(), IsEmpty());
  const DescribedByKey before = described(description.text);
  const DescribedByKey after = described(other);
  EXPECT_EQ(after.size(), before.size());
  for (const auto& [key, line] : before) EXPECT_EQ(after.at(key).value, line.value) << key;
  EXPECT_EQ(other.load()->failover, dir.load()->failover);
  return before;
}

TEST(Describe, WhatItSaysIsAConfigurationWithTheSameValues) {
  const std::string key = "[provisioning]\ngroup_symmetric_key = \"" + std::string(k_group_key) + "\"\n";
  const ConfigDir defaults;
  defaults.main(minimal());
  const DescribedByKey default_lines = reads_back_the_same(defaults, key);

  const ConfigDir dir;
  const auto ca = dir.write("a \"quoted\" \\ca.pem", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
  std::string path;
  for (const char c : ca.string()) path += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  dir.main(nothing_default(path));
  const DescribedByKey lines =
      reads_back_the_same(dir, key + "[hub]\nproxy = \"http://line7:hunter2@proxy.example:3128\"\n");

  // Otherwise a setting that is always shown with its default would go unnoticed.
  EXPECT_EQ(lines.size(), default_lines.size());
  for (const auto& [name, line] : lines) {
    if (line.source == "default" || line.hidden) continue;
    EXPECT_NE(line.value, default_lines.at(name).value) << name << " cannot be told from its default";
  }
}

TEST(Describe, EverySettingHasAMeaningAndASource) {
  const ConfigDir dir;
  dir.main(minimal());
  const DescribedByKey lines = described(dir);
  EXPECT_GT(lines.size(), 40U);
  for (const auto& [key, line] : lines) {
    EXPECT_GE(line.meaning.size(), 8U) << key;
    EXPECT_THAT(line.source, Not(IsEmpty())) << key;
  }
}

TEST(Describe, TheSourceIsTheFileAndLineTheCredentialTheProfileOrTheDefault) {
  ConfigDir dir;
  dir.main(minimal("[failover]\nprofile = \"polite\"\nsilent_after = \"20s\"\n[hub]\nkeep_alive = \"10s\"\n"));
  dir.drop_in("20.conf", "\n[hub]\nkeep_alive = \"20s\"\n");
  dir.credential("group_symmetric_key", std::string(k_device_key) + "\n");
  const DescribedByKey lines = described(dir);
  EXPECT_EQ(lines.at("device.id").source, dir.path("iotc-ha.conf").string() + ":2");
  EXPECT_EQ(lines.at("hub.keep_alive").source, dir.path("iotc-ha.conf.d/20.conf").string() + ":3");
  EXPECT_EQ(lines.at("hub.keep_alive").value, "\"20s\"");
  EXPECT_EQ(lines.at("provisioning.group_symmetric_key").source,
            "credential " + dir.path("credentials/group_symmetric_key").string());
  EXPECT_EQ(lines.at("failover.silent_after").source, dir.path("iotc-ha.conf").string() + ":8");
  EXPECT_EQ(lines.at("failover.hub_patience").source, "profile \"polite\"");
  EXPECT_EQ(lines.at("failover.hub_patience").value, "\"15min\"");
  EXPECT_EQ(lines.at("hub.token_life").source, "default");
}

TEST(Describe, NoSecretIsShown) {
  const ConfigDir dir;
  dir.main(minimal("[hub]\nproxy = \"http://line7:hunter2@proxy.example:3128\"\n"));
  const std::string text = describe(dir.sources()).text;
  EXPECT_THAT(text, Not(HasSubstr(std::string(k_group_key.substr(0, 8)))));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  const DescribedByKey lines = described(text);
  EXPECT_EQ(lines.at("hub.proxy").value, "\"http://line7:***@proxy.example:3128\"");
  EXPECT_TRUE(lines.at("hub.proxy").hidden);
  EXPECT_EQ(lines.at("provisioning.group_symmetric_key").value, "\"***\"");
  EXPECT_TRUE(lines.at("provisioning.group_symmetric_key").hidden);
  EXPECT_FALSE(lines.at("provisioning.symmetric_key").hidden);
}

TEST(Describe, WhatIsMissingOrAtFaultIsToldAndAllElseIsDescribed) {
  const ConfigDir dir;
  dir.main("[device]\nid = \"dev-1\"\n[log]\nlevel = \"loud\"\n[hub]\nproxy = \"//line7:hunter2@proxy\"\n");
  const Description description = describe(dir.sources());
  EXPECT_EQ(description.faults, dir.load().error());
  EXPECT_EQ(description.faults.size(), 4U);
  EXPECT_THAT(description.text, Not(HasSubstr("hunter2")));
  const DescribedByKey lines = described(description.text);
  EXPECT_EQ(lines.at("device.id").value, "\"dev-1\"");
  EXPECT_EQ(lines.at("provisioning.id_scope").value, "\"\"");
  EXPECT_EQ(lines.at("log.level").value, "\"info\"");
  EXPECT_EQ(lines.at("log.level").source,
            "instead of what cannot be used in " + dir.path("iotc-ha.conf").string() + ":4");
  EXPECT_EQ(lines.at("hub.keep_alive").source, "default");
}

}  // namespace
}  // namespace iotc_ha::config
