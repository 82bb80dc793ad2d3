#include "config_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace iotc_ha::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string shipped() {
  std::ostringstream text;
  text << std::ifstream(IOTC_HA_SHIPPED_CONF).rdbuf();
  return text.str();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("not in the shipped file: " + from);
  return text.replace(at, from.size(), to);
}

std::string filled_in() {
  std::string text = replaced(shipped(), "\nid = \"\"", "\nid = \"dev-1\"");
  text = replaced(text, "\nid_scope = \"\"", "\nid_scope = \"0ne00ABCDEF\"");
  return replaced(text, "\ngroup_symmetric_key = \"\"", "\ngroup_symmetric_key = \"" + std::string(k_group_key) + '"');
}

/// The lines that show a default ("#key = value") made to say it.
std::string with_defaults_spelled_out(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
    out += line + '\n';
  }
  return out;
}

TEST(ShippedFile, SaysWhatToFillInAndNothingElse) {
  const ConfigDir dir;
  dir.main(shipped(), 0644);
  EXPECT_THAT(dir.faults(), ElementsAre(HasSubstr("device.id: not filled in yet"),
                                        HasSubstr("provisioning.id_scope: not filled in yet"),
                                        HasSubstr("provisioning.group_symmetric_key: not filled in yet")));
}

TEST(ShippedFile, IsGoodOnceTheThreeValuesAreFilledIn) {
  const ConfigDir dir;
  dir.main(filled_in());
  EXPECT_THAT(dir.faults(), IsEmpty());
}

TEST(ShippedFile, TheDefaultsThatItShowsAreTheDefaults) {
  const ConfigDir plain;
  plain.main(filled_in());
  const ConfigDir spelled;
  spelled.main(with_defaults_spelled_out(filled_in()));
  ASSERT_THAT(plain.faults(), IsEmpty());
  ASSERT_THAT(spelled.faults(), IsEmpty());
  const Config a = *plain.load();
  const Config b = *spelled.load();
  EXPECT_EQ(a.device.model_id, b.device.model_id);
  EXPECT_EQ(a.provisioning.host, b.provisioning.host);
  EXPECT_EQ(a.provisioning.port, b.provisioning.port);
  EXPECT_EQ(a.hub.keep_alive, b.hub.keep_alive);
  EXPECT_EQ(a.hub.token_life, b.hub.token_life);
  EXPECT_EQ(a.hub.ca_file, b.hub.ca_file);
  EXPECT_EQ(a.hub.proxy, b.hub.proxy);
  EXPECT_EQ(a.failover, b.failover);
  EXPECT_EQ(a.spool.max_bytes, b.spool.max_bytes);
  EXPECT_EQ(a.spool.max_age, b.spool.max_age);
  EXPECT_EQ(a.spool.when_full, b.spool.when_full);
  EXPECT_EQ(a.sample.telemetry_send, b.sample.telemetry_send);
  EXPECT_EQ(a.sample.telemetry_period, b.sample.telemetry_period);
  EXPECT_EQ(a.sample.reported_property_send, b.sample.reported_property_send);
  EXPECT_EQ(a.sample.reported_property_period, b.sample.reported_property_period);
  EXPECT_EQ(a.sample.desired_property_receive, b.sample.desired_property_receive);
  EXPECT_EQ(a.sample.direct_method_receive, b.sample.direct_method_receive);
  EXPECT_EQ(a.sample.c2d_command_receive, b.sample.c2d_command_receive);
  EXPECT_EQ(a.log.level, b.log.level);
}

}  // namespace
}  // namespace iotc_ha::config
