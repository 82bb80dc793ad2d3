#include "described.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace iotc_ha::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string content(const char* file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::string shipped() { return content(IOTC_HA_SHIPPED_CONF); }

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
  const DescribedByKey defaults = described(plain);
  for (const auto& [key, line] : described(spelled)) EXPECT_EQ(line.value, defaults.at(key).value) << key;
}

/// What the three needed values, and else only the profile, make of every setting.
DescribedByKey with_profile(const std::string& profile) {
  const ConfigDir dir;
  dir.main(minimal("[failover]\nprofile = \"" + profile + "\"\n"));
  return described(dir);
}

bool is_explained(const std::string& key) {
  return key != "provisioning.certificate_file" && key != "provisioning.private_key_file";  // not available yet
}

std::string without_quotes(std::string value) {
  value.erase(std::remove(value.begin(), value.end(), '"'), value.end());
  return value;
}

/// The lines of the shipped file that set something or show a default, by dotted key.
std::map<std::string, std::string> lines_of_shipped_file() {
  std::map<std::string, std::string> found;
  std::istringstream lines(shipped());
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] == '[') table = line.substr(1, line.find(']') - 1);
    const auto equals = line.find(" = ");
    if (line.rfind("# ", 0) == 0 || equals == std::string::npos) continue;
    const std::size_t begin = line[0] == '#' ? 1 : 0;
    found[table + '.' + line.substr(begin, equals - begin)] = line;
  }
  return found;
}

TEST(ShippedFile, ExplainsEverySettingAndWhatPoliteMakesOfIt) {
  const auto lines = lines_of_shipped_file();
  const DescribedByKey fast = with_profile("fast");
  const DescribedByKey polite = with_profile("polite");
  for (const auto& [key, setting] : fast) {
    if (!is_explained(key)) continue;
    ASSERT_EQ(lines.count(key), 1U) << key;
    if (key == "failover.profile") continue;
    const std::string& line = lines.at(key);
    const std::string other = polite.at(key).value;
    const std::string brackets = other == setting.value ? "" : '(' + without_quotes(other) + ')';
    EXPECT_EQ(line.find('(') == std::string::npos ? "" : line.substr(line.rfind('(')), brackets) << line;
  }
}

TEST(Manual, ExplainsEverySettingWithItsDefaults) {
  const std::string manual = content(IOTC_HA_MANUAL);
  const DescribedByKey fast = with_profile("fast");
  const DescribedByKey polite = with_profile("polite");
  for (const auto& [key, setting] : fast) {
    if (!is_explained(key)) continue;
    const auto dot = key.find('.');
    const std::string name = key.substr(dot + 1);
    std::string expected;
    if (setting.source != "default" && key != "failover.profile" && key.rfind("failover.", 0) != 0) {
      expected = "\n.B " + name + '\n';  // has to be filled in
    } else if (key == "provisioning.symmetric_key") {
      expected = "\n.B " + name + '\n';
    } else if (key.rfind("failover.", 0) == 0 && key != "failover.profile") {
      expected = '\n' + name + '@' + without_quotes(setting.value) + '@' + without_quotes(polite.at(key).value) + '@';
    } else {
      expected = name + " \\~=\\~";
      for (const char c : setting.value) expected += c == '"' ? "\\(dq" : c == '-' ? "\\-" : std::string(1, c);
    }
    EXPECT_THAT(manual, HasSubstr(expected)) << key;
  }
}

}  // namespace
}  // namespace iotc_ha::config
