#include <iotc_ha/azure/dps.hpp>
#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/merge_patch.hpp>
#include <iotc_ha/azure/mqtt.hpp>
#include <iotc_ha/azure/sas.hpp>
#include <iotc_ha/azure/twin.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

// Whatever a network sends is a value or an error, never a crash. The sanitizers are what makes these tests sharp; what
// holds without them is that an accepted text is accepted again, and says the same, after it was written anew.
namespace iotc_ha::azure {
namespace {

struct Parser {
  std::string name;
  std::vector<std::string> good;  // damaged in all ways below
  std::function<void(const std::string&)> parse;
};

void PrintTo(const Parser& parser, std::ostream* out) { *out << parser.name; }

void read_json(const std::string& text) {
  if (const auto compact = compact_json(text)) {
    ASSERT_EQ(compact_json(*compact), *compact);
  }
  if (const auto members = members_of_object(text)) {
    for (const JsonMember& member : *members) {
      ASSERT_EQ(compact_json(member.json), member.json);
      ASSERT_TRUE(quote_json(member.name));
    }
  }
}

void read_twin(const std::string& text) {
  for (const auto& document : {desired_of_twin(text), desired_of_patch(text)}) {
    if (!document) continue;
    std::vector<Acknowledgement> acknowledgements;
    for (const DesiredProperty& property : document->properties) {
      acknowledgements.push_back({property.name, property.json_value, 200, document->version, ""});
    }
    ASSERT_TRUE(acknowledgement_patch(acknowledgements)) << text;
    const auto split = by_component(*document, {"x"});
    ASSERT_TRUE(split && desired_patch(split->properties)) << text;
  }
  if (const auto reported = reported_of_twin(text)) {
    ASSERT_EQ(compact_json(*reported), *reported);
  }
}

void read_patch(const std::string& text) {
  static const std::string k_other = R"({"a":{"b":1},"c":null})";
  if (const auto patched = apply_patch(k_other, text)) {
    ASSERT_EQ(patch_towards(*patched, text).value(), std::nullopt) << text;
    ASSERT_TRUE(apply_patch(text, k_other));
    ASSERT_TRUE(join_patches(k_other, text, *patched) && join_patches(text, k_other, text));
  }
  const auto checked = check_reported(text);
  ASSERT_TRUE(!checked || compact_json(text)) << text;
  ASSERT_TRUE(checked || checked.error().what.find('\n') == std::string::npos);
}

void read_dps(const std::string& text) {
  for (const int http : {200, 202, 401, 503}) {
    const auto answer = read_dps_answer(http, text, std::nullopt);
    if (!answer) {
      ASSERT_FALSE(answer.error().what.empty());
      ASSERT_EQ(answer.error().what.find('\n'), std::string::npos);
    }
  }
}

void read_bag(const std::string& text) {
  if (const auto properties = parse_property_bag(text)) {
    ASSERT_EQ(parse_property_bag(encode_property_bag(*properties)), *properties);
  }
}

void read_topic(const std::string& text) {
  const auto topic = parse_inbound_topic(text, "dev1");
  ASSERT_TRUE(topic || !topic.error().what.empty());
}

void read_token(const std::string& text) {
  const auto token = parse_token(text);
  if (token) {
    // The key of the good token below; a damaged one is only right if the damage is outside of what was signed.
    const core::Secret key("Zx8zUjg3W+4G+6K9WnMsx1mW7TUeq93OnbZC6yupqHM=");
    const bool is_intact = sign(key, token->encoded_resource, token->expiry) == token->signature;
    ASSERT_EQ(signature_is_valid(*token, key), is_intact);
  }
}

void read_key(const std::string& text) {
  const auto key = derive_device_key(core::Secret(text), "device");
  ASSERT_TRUE(key || key.error().fault == core::Fault::BadCredential);
  ASSERT_TRUE(!key || key->reveal().size() == 44);
}

class Garbage : public testing::TestWithParam<Parser> {
 protected:
  std::mt19937_64 random_{20261123};

  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  char byte() { return static_cast<char>(below(256)); }
};

TEST_P(Garbage, OfRandomBytesIsSurvived) {
  for (int round = 0; round < 20'000; ++round) {
    std::string text(below(64), '\0');
    for (char& c : text) c = byte();
    GetParam().parse(text);
  }
}

TEST_P(Garbage, OfTextsCutAnywhereIsSurvived) {
  for (const std::string& good : GetParam().good) {
    for (std::size_t length = 0; length <= good.size(); ++length) {
      GetParam().parse(good.substr(0, length));
      GetParam().parse(good.substr(length));
    }
  }
}

TEST_P(Garbage, OfTextsWithDamageIsSurvived) {
  static const std::string k_syntax = "{}[]\":,\\u%&=?/$#+-.eE0189 \n\x80\xC3\xED\xF4\xFF";
  for (const std::string& good : GetParam().good) {
    for (int round = 0; round < 5'000; ++round) {
      std::string text = good;
      for (std::size_t change = 0; change <= below(4) && !text.empty(); ++change) {
        const std::size_t place = below(text.size());
        switch (below(4)) {
          case 0: text[place] = byte(); break;
          case 1: text[place] = k_syntax[below(k_syntax.size())]; break;
          case 2: text.erase(place, 1 + below(8)); break;
          default: text.insert(place, text.substr(below(text.size()), below(16))); break;
        }
      }
      GetParam().parse(text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    FromTheNetwork, Garbage,
    testing::Values(
        Parser{"json",
               {R"({"a":[1,-2.5e3,true,null,"\ud83e\udd8e x"],"b":{"c":{}}})", "[[[[1],2],3],\"\\n\"]"},
               read_json},
        Parser{"twin",
               {R"({"desired":{"fanSpeed":42,"x":{"y":[1.0]},"$version":7},"reported":{"$version":3}})",
                R"({"fanSpeed":null,"$version":8})"},
               read_twin},
        Parser{"patch",
               {R"({"a":{"b":[1.0,{"x":null}],"c":null},"battery":60.6,"fan":{"__t":"c","a":{"value":1,"ac":200}}})",
                R"({"a":null,"c":{"d":9007199254740993}})"},
               read_patch},
        Parser{
            "dps",
            {R"({"operationId":"5.3","status":"assigned","registrationState":{"assignedHub":"h.net","deviceId":"d","substatus":"x"}})",
             R"({"operationId":"5.3","status":"assigning"})",
             R"({"errorCode":429001,"trackingId":"t","message":"Operations are being throttled."})",
             R"({"status":"failed","registrationState":{"errorCode":400207,"errorMessage":"m"}})"},
            read_dps},
        Parser{"property_bag", {"%24.mid=1&%24.to=%2Fdevices%2Fd&flag&k=a+b%20c&u=%C3%BC"}, read_bag},
        Parser{"topic",
               {"$iothub/twin/res/204/?$rid=7&$version=3", "$iothub/methods/POST/echo/?$rid=1a",
                "$iothub/twin/PATCH/properties/desired/?$version=5", "devices/dev1/messages/devicebound/%24.mid=1&a"},
               read_topic},
        Parser{"token",
               {"SharedAccessSignature sr=0ne000000AA%2Fregistrations%2Ffailover3_cpp"
                "&sig=L%2F3bwJj8FLqEoEBIgU%2Bv02JCXhlq1u4lIahMkhm3Oh8%3D&se=1767225600&skn=registration"},
               read_token},
        Parser{"key", {"Zx8zUjg3W+4G+6K9WnMsx1mW7TUeq93OnbZC6yupqHM="}, read_key}),
    [](const testing::TestParamInfo<Parser>& parser) { return parser.param.name; });

}  // namespace
}  // namespace iotc_ha::azure
