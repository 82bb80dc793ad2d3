#include <iotc_ha/azure/sas.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using core::Secret;
using testing::HasSubstr;

std::chrono::sys_seconds at(std::int64_t seconds) { return std::chrono::sys_seconds(std::chrono::seconds(seconds)); }

// The vectors were computed with Python's hmac and with openssl dgst; the tokens of A and B by Microsoft's Python SDK.
struct Vector {
  std::string name;
  std::string group_key;
  std::string id;
  std::string device_key;
  std::string id_scope;
  std::string hub;
  std::int64_t expiry;
  std::string dps_token;
  std::string hub_token;
};

void PrintTo(const Vector& vector, std::ostream* out) { *out << vector.name; }

const Vector k_published{
    "Microsoft's published example",
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==",
    "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6",
    "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=",
    "0ne00ABCDEF",
    "contoso-hub-1.azure-devices.net",
    1893456000,
    "SharedAccessSignature sr=0ne00ABCDEF%2Fregistrations%2Fsn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
    "&sig=NGy3xZ2dcn4vpClIWevm8%2FvSPiJK%2BGWqBJaGjL%2FTm%2FI%3D&se=1893456000&skn=registration",
    "SharedAccessSignature sr=contoso-hub-1.azure-devices.net%2Fdevices%2Fsn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
    "&sig=mOcXAIcQPqT7pJKJv7LgqOPpFfKZhQQZK23L2EyP0I8%3D&se=1893456000"};

const Vector k_short_key{
    "a 32-byte group key",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "failover3_cpp",
    "Zx8zUjg3W+4G+6K9WnMsx1mW7TUeq93OnbZC6yupqHM=",
    "0ne000000AA",
    "iotc-00000000-1111-2222-3333-444444444444.azure-devices.net",
    1767225600,
    "SharedAccessSignature sr=0ne000000AA%2Fregistrations%2Ffailover3_cpp"
    "&sig=L%2F3bwJj8FLqEoEBIgU%2Bv02JCXhlq1u4lIahMkhm3Oh8%3D&se=1767225600&skn=registration",
    "SharedAccessSignature sr=iotc-00000000-1111-2222-3333-444444444444.azure-devices.net%2Fdevices%2Ffailover3_cpp"
    "&sig=DnjlaxaPIaqxpzQ1zL4PkjtcIKV8%2FFFVMJEa6n5IeQ8%3D&se=1767225600"};

const Vector k_colon_and_2100{
    "an id with a colon and upper case, an expiry beyond 32 bits",
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    "Dev:01.A_b-9",
    "RkTkj7mBgkQZHPjQ+3ul6E8OTs3oxx8/Lrthcsjft3c=",
    "0ne00ABCDEF",
    "Contoso.azure-devices.net",
    4102444800,
    "SharedAccessSignature sr=0ne00ABCDEF%2Fregistrations%2FDev%3A01.A_b-9"
    "&sig=CE2501X8Yusw5NyOYz07BGPKOg8sodFKcv%2BehgoFpH4%3D&se=4102444800&skn=registration",
    "SharedAccessSignature sr=Contoso.azure-devices.net%2Fdevices%2FDev%3A01.A_b-9"
    "&sig=TQbAxZZ5SZ9QHdRf8hCYC%2BIXRyuTosftYYXMQ497iM0%3D&se=4102444800"};

class SasVectors : public testing::TestWithParam<Vector> {};

TEST_P(SasVectors, TheKeyOfADeviceIsDerivedFromItsGroupsKey) {
  const auto key = derive_device_key(Secret(GetParam().group_key), GetParam().id);
  ASSERT_TRUE(key) << key.error().what;
  EXPECT_EQ(key->reveal(), GetParam().device_key);
}

TEST_P(SasVectors, TokensForDpsAndHubAreThoseOfMicrosoftsOwnSdk) {
  const Secret key(GetParam().device_key);
  const auto dps = dps_token(key, GetParam().id_scope, GetParam().id, at(GetParam().expiry));
  ASSERT_TRUE(dps) << dps.error().what;
  EXPECT_EQ(dps->reveal(), GetParam().dps_token);
  const auto hub = hub_token(key, GetParam().hub, GetParam().id, at(GetParam().expiry));
  ASSERT_TRUE(hub) << hub.error().what;
  EXPECT_EQ(hub->reveal(), GetParam().hub_token);
}

TEST_P(SasVectors, TheServiceReadsAndAcceptsThem) {
  for (const std::string& text : {GetParam().dps_token, GetParam().hub_token}) {
    const auto token = parse_token(text);
    ASSERT_TRUE(token) << token.error().what;
    EXPECT_EQ(token->expiry, at(GetParam().expiry));
    EXPECT_TRUE(signature_is_valid(*token, Secret(GetParam().device_key)));
    EXPECT_FALSE(signature_is_valid(*token, Secret(GetParam().group_key)));
  }
  EXPECT_EQ(parse_token(GetParam().dps_token)->key_name, "registration");
  EXPECT_EQ(parse_token(GetParam().hub_token)->key_name, "");
}

INSTANTIATE_TEST_SUITE_P(Sas, SasVectors, testing::Values(k_published, k_short_key, k_colon_and_2100));

TEST(Sas, DerivesTheKeysThatThePublishedGroupGives) {
  const Secret group("G3vn0IZH9oK3d4wsxFpWBtd2KUrtjI+39dZVRf26To8w9OX0LaFV9yZ93ELXY7voqHEUsNhnb9bt717UP87KxA==");
  EXPECT_EQ(derive_device_key(group, "my-symkey-device-001")->reveal(), "xAYWCx2lniAH7WbJsWPJ7ijF5c4oR2AGwNwNjVStG94=");
  EXPECT_EQ(derive_device_key(group, "contoso-simdevice")->reveal(), "prIvMivIPDAqwBH6aCT4P8raQxEulx32+eNjQpp5/bM=");
}

TEST(Sas, SignsTheResourceByteForByteAsItIsWritten) {
  const Secret a(k_published.device_key);
  EXPECT_EQ(sign(a, "0ne00ABCDEF%2fregistrations%2fsn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", at(1893456000)),
            "OIMadz1TznT4/8Zt65W+g1lUzbyAm1N0sLeti9p5WKo=");
  EXPECT_EQ(sign(a, "contoso-hub-1.azure-devices.net%2fdevices%2fsn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", at(1893456000)),
            "FbAkbkT/xukYgx7C0BffjT7LcTxhp4iII01KbPlOs6U=");
  EXPECT_EQ(sign(a, "contoso-hub-1.azure-devices.net/devices/sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", at(1893456000)),
            "K+CIjbcHJaWncpFKkoyR+YmsssCwyca43Q5f6LSVOF4=");
  const Secret b(k_short_key.device_key);
  EXPECT_EQ(sign(b, "0ne000000AA%2fregistrations%2ffailover3_cpp", at(1767225600)),
            "orUYEMUav2ACr2dLKTYzolLJjII9lUMWNEWGbjb9ZjE=");
  EXPECT_EQ(
      sign(b, "iotc-00000000-1111-2222-3333-444444444444.azure-devices.net%2fdevices%2ffailover3_cpp", at(1767225600)),
      "314lFbid012zLghDKIGPGCznzYv6N0ySGpRUnCGCvZM=");
  const Secret d("18RQk/hOPJR9EbsJlk2j8WA6vWaj/yi+oaYg7zmxfQNdOyMSu+SJ8O7TSlZhDJCYmn4rzEiVKIzNiVAWjLxrGA==");
  EXPECT_EQ(sign(d, "0ne00111111%2Fregistrations%2Fmy-symkey-device", at(1663952627)),
            "8VPprb8BiTkuVE0hBqHm/SVrzVpdD8VZcXugntdbhuU=");
}

TEST(Sas, AcceptsKeysOf16To64BytesAndNoOthers) {
  const auto sign_with = [](const std::string& key) { return sign(Secret(key), "r", at(1)); };
  const auto key_of = [](std::size_t bytes) {  // bytes of zero
    static constexpr const char* k_tails[] = {"", "AA==", "AAA="};
    return std::string(bytes / 3 * 4, 'A') + k_tails[bytes % 3];
  };
  for (const std::size_t bytes : {16U, 17U, 32U, 63U, 64U}) EXPECT_TRUE(sign_with(key_of(bytes))) << bytes;
  for (const std::size_t bytes : {1U, 15U, 65U, 200U}) {
    const auto refused = sign_with(key_of(bytes));
    ASSERT_FALSE(refused) << bytes;
    EXPECT_EQ(refused.error().fault, Fault::BadCredential);
    EXPECT_THAT(refused.error().what, HasSubstr(std::to_string(bytes) + " bytes"));
  }
}

TEST(Sas, RefusesAKeyThatIsNotBase64AndDoesNotRepeatIt) {
  for (const char* key :
       {"", "A", "====", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh=8",
        " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "AAEC-wQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AA==AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}) {
    const auto refused = derive_device_key(Secret(key), "device");
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().fault, Fault::BadCredential);
    EXPECT_EQ(refused.error().what, "the symmetric key is not base64");
  }
}

TEST(Sas, ReadsTheFieldsOfATokenInAnyOrder) {
  const auto token =
      parse_token("SharedAccessSignature skn=registration&se=10&x=y&sig=a%2Bb%3D&sr=scope%2fregistrations%2Fid");
  ASSERT_TRUE(token) << token.error().what;
  EXPECT_EQ(token->encoded_resource, "scope%2fregistrations%2Fid");
  EXPECT_EQ(token->signature, "a+b=");
  EXPECT_EQ(token->expiry, at(10));
  EXPECT_EQ(token->key_name, "registration");
}

TEST(Sas, NamesTheFieldOfATokenThatIsMissingOrBroken) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "SharedAccessSignature "},
      {"sharedaccesssignature sr=r&sig=s&se=1", "SharedAccessSignature "},
      {"SharedAccessSignature sig=s&se=1", "'sr' is missing"},
      {"SharedAccessSignature sr=&sig=s&se=1", "'sr' is missing"},
      {"SharedAccessSignature sr=r&se=1", "'sig' is missing"},
      {"SharedAccessSignature sr=r&sig=s", "'se' is missing"},
      {"SharedAccessSignature sr=r&sig=%4&se=1", "'sig' has a broken escape"},
      {"SharedAccessSignature sr=r&sig=s&se=1&skn=%", "'skn' has a broken escape"},
      {"SharedAccessSignature sr=r&sr=q&sig=s&se=1", "'sr' stands twice"},
      {"SharedAccessSignature sr=r&sig=s&se=soon", "'se' is no time"},
      {"SharedAccessSignature sr=r&sig=s&se=-1", "'se' is no time"},
      {"SharedAccessSignature sr=r&sig=s&se=01", "'se' is no time"},
      {"SharedAccessSignature sr=r&sig=s&se=1.5", "'se' is no time"},
      {"SharedAccessSignature sr=r&sig=s&se=99999999999999999999", "'se' is no time"},
      {"SharedAccessSignature sr=r&sig=s&se=253402300800", "'se' is no time"},
  };
  for (const auto& [text, complaint] : cases) {
    const auto refused = parse_token(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
    EXPECT_THAT(refused.error().what, HasSubstr(complaint));
  }
}

TEST(Sas, ASignatureIsWrongWhenAnythingThatItCoversHasChanged) {
  const Secret key(k_published.device_key);
  const TokenFields good = *parse_token(k_published.hub_token);
  ASSERT_TRUE(signature_is_valid(good, key));
  TokenFields later = good;
  later.expiry += std::chrono::seconds(1);
  EXPECT_FALSE(signature_is_valid(later, key));
  TokenFields lower_case = good;
  lower_case.encoded_resource = "contoso-hub-1.azure-devices.net%2fdevices%2fsn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
  EXPECT_FALSE(signature_is_valid(lower_case, key));
  TokenFields cut_short = good;
  cut_short.signature.pop_back();
  EXPECT_FALSE(signature_is_valid(cut_short, key));
  TokenFields empty = good;
  empty.signature.clear();
  EXPECT_FALSE(signature_is_valid(empty, key));
  EXPECT_FALSE(signature_is_valid(good, Secret("not a key")));
}

TEST(Percent, EncodesAllButTheUnreservedCharacters) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("dtmi:Sample:Failover;1"), "dtmi%3ASample%3AFailover%3B1");
  EXPECT_EQ(percent_encode("a b+c/d=e&f%$"), "a%20b%2Bc%2Fd%3De%26f%25%24");
  EXPECT_EQ(percent_encode("\xC3\xA9\xFF"), "%C3%A9%FF");
  EXPECT_EQ(percent_encode(std::string_view("\0\n", 2)), "%00%0A");
}

TEST(Percent, DecodesEveryByteThatItEncodes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
}

TEST(Percent, APlusStaysAPlus) { EXPECT_EQ(percent_decode("a+b%2B%2f%2F"), "a+b+//"); }

TEST(Percent, RefusesABrokenEscape) {
  for (const char* text : {"%", "a%", "%4", "a%4", "%4g", "%g4", "%%41", "% 4", "%+4"}) {
    const auto refused = percent_decode(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
  }
}

}  // namespace
}  // namespace iotc_ha::azure
