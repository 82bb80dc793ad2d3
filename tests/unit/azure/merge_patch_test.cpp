#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/merge_patch.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <random>
#include <string>
#include <utility>

namespace iotc_ha::azure {
namespace {

using core::Fault;
using nlohmann::json;
using testing::HasSubstr;

std::string nested(std::size_t depth, const std::string& innermost) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += R"({"a":)";
  return text + innermost + std::string(depth, '}');
}

struct Example {
  const char* document;
  const char* patch;
  const char* result;
};
/// RFC 7396, appendix A, in its order.
constexpr Example k_examples[] = {
    {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
    {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
    {R"({"a":"b"})", R"({"a":null})", R"({})"},
    {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
    {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
    {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
    {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
    {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
    {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
    {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
    {R"({"a":"foo"})", R"("bar")", R"("bar")"},
    {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
    {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
    {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
};

TEST(MergePatch, DoesWhatTheExamplesOfRfc7396Say) {
  for (const auto& [document, patch, result] : k_examples) {
    const auto member = [](const std::string& value) { return R"({"m":)" + value + '}'; };
    EXPECT_EQ(apply_patch(member(document), member(patch)), member(result)) << document << " + " << patch;
    if (*document == '{' && *patch == '{') {
      EXPECT_EQ(apply_patch(document, patch), result);
    }
  }
  EXPECT_EQ(apply_patch(R"({"a":"foo"})", R"({"a":null})"), "{}");
}

TEST(MergePatch, TakesObjectsOnlyAndSaysWhichIsNone) {
  for (const char* text : {"", "[]", "null", "1", "\"a\"", "{", R"({"a":1e400})", "{\"a\":\"\xFF\"}"}) {
    for (const auto& refused : {apply_patch(text, "{}"), join_patches(text, "{}"), join_patches("{}", "{}", text)}) {
      ASSERT_FALSE(refused) << text;
      EXPECT_EQ(refused.error().fault, Fault::InvalidPayload);
    }
    EXPECT_THAT(apply_patch(text, "{}").error().what, HasSubstr("the document: "));
    EXPECT_THAT(apply_patch("{}", text).error().what, HasSubstr("the patch: "));
    EXPECT_FALSE(join_patches("{}", text));
    EXPECT_FALSE(patch_towards(text, "{}"));
    EXPECT_FALSE(patch_towards("{}", text));
  }
}

TEST(MergePatch, KeepsTheDigitsOfNumbersAndTheOrderOfMembers) {
  EXPECT_EQ(
      apply_patch(R"({ "z" : 1.10, "b":{"x":12345678901234567890123}, "a":42.0 })", R"({"b":{"y":1E5}, "z":-0.0})"),
      R"({"z":-0.0,"b":{"x":12345678901234567890123,"y":1E5},"a":42.0})");
  EXPECT_EQ(join_patches(R"({"b":1.10,"a":1})", R"({"c":2.50,"a":3.0})"), R"({"b":1.10,"a":3.0,"c":2.50})");
}

TEST(MergePatch, OfAMemberThatStandsTwiceTheLastCounts) {
  EXPECT_EQ(apply_patch(R"({"a":{"x":1},"a":{"y":2}})", R"({"a":{"z":1,"z":null},"b":1,"b":2})"),
            R"({"a":{"y":2},"b":2})");
}

TEST(MergePatch, WithEscapedNamesFindsTheirMembers) {
  EXPECT_EQ(apply_patch("{\"gr\xC3\xBC\xC3\x9F\":1,\"q\\\"\":2}", R"({"gr\u00fc\u00df":null,"\u0071\u0022":3})"),
            R"({"q\"":3})");
}

TEST(MergePatch, GoesAsDeepAsJsonMayAndNoDeeper) {
  const std::string deepest = nested(k_max_json_depth, "1");
  EXPECT_EQ(apply_patch(deepest, nested(k_max_json_depth, "2")), nested(k_max_json_depth, "2"));
  EXPECT_EQ(join_patches(deepest, nested(k_max_json_depth, "null")), nested(k_max_json_depth, "null"));
  EXPECT_EQ(patch_towards(deepest, nested(k_max_json_depth, "2")).value(), nested(k_max_json_depth, "2"));
  for (const std::size_t depth : {std::size_t{k_max_json_depth} + 1, std::size_t{1'000'000}}) {
    EXPECT_FALSE(apply_patch(nested(depth, "1"), "{}"));
    EXPECT_FALSE(apply_patch("{}", nested(depth, "1")));
    EXPECT_FALSE(join_patches("{}", nested(depth, "1")));
    EXPECT_FALSE(patch_towards("{}", nested(depth, "1")));
  }
}

TEST(JoinedPatches, KeepWhatTheyDelete) {
  EXPECT_EQ(join_patches(R"({"a":1,"b":{"c":1}})", R"({"a":null,"b":{"c":null}})"), R"({"a":null,"b":{"c":null}})");
  EXPECT_EQ(join_patches(R"({"a":null})", R"({"a":1})"), R"({"a":1})");
  EXPECT_EQ(join_patches(R"({"a":{"b":1}})", R"({"a":7})"), R"({"a":7})");
}

TEST(JoinedPatches, EmptyAnObjectThatWasDeletedBeforeItsSuccessorCame) {
  EXPECT_EQ(join_patches(R"({"a":null})", R"({"a":{"b":1}})", R"({"a":{"b":{"x":1},"c":2}})"),
            R"({"a":{"b":1,"c":null}})");
  EXPECT_EQ(join_patches(R"({"a":5})", R"({"a":{"b":{"y":1}}})", R"({"a":{"b":{"x":1}}})"),
            R"({"a":{"b":{"y":1,"x":null}}})");
}

TEST(PatchTowards, HasOnlyWhatIsMissingOrOther) {
  const std::string there =
      R"({"battery":20.0,"fan":{"__t":"c","speed":3,"mode":"a"},"list":[1,{"a":1,"b":2}],"old":1})";
  const std::pair<const char*, const char*> cases[] = {
      {R"({"battery":21})", R"({"battery":21})"},
      {R"({"battery":20,"fan":{"speed":4,"mode":"a"}})", R"({"fan":{"speed":4}})"},
      {R"({"fan":{"mode":null,"gone":null}})", R"({"fan":{"mode":null}})"},
      {R"({"old":{"a":1,"b":null}})", R"({"old":{"a":1}})"},
      {R"({"new":{"b":{"c":null}}})", R"({"new":{"b":{}}})"},
      {R"({"fan":3})", R"({"fan":3})"},
      {R"({"list":[1,{"a":1}]})", R"({"list":[1,{"a":1}]})"},
      {R"({"battery":"20"})", R"({"battery":"20"})"},
  };
  for (const auto& [wanted, patch] : cases) EXPECT_EQ(patch_towards(there, wanted).value(), patch) << wanted;
}

TEST(PatchTowards, IsNothingWhenAllIsThere) {
  const std::string there =
      R"({"battery":20.0,"fan":{"speed":3},"list":[1,{"a":1,"b":2}],"big":12345678901234567890123})";
  for (const char* wanted :
       {"{}", R"({"battery":20})", R"({"fan":{}})", R"({"fan":{"speed":3.0,"gone":null},"x":null})",
        R"({"list":[1.0,{"b":2,"a":1}]})", R"({"big":1.2345678901234567890123e22})"}) {
    EXPECT_EQ(patch_towards(there, wanted).value(), std::nullopt) << wanted;
  }
}

/// Documents of a few names, so that they meet.
class Documents {
 public:
  explicit Documents(std::uint64_t seed) : random_(seed) {}
  json document(int depth = 4) { return object(depth, false); }
  json patch(int depth = 4) { return object(depth, true); }

 private:
  std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
  json object(int depth, bool deletes) {
    static const std::string k_names[] = {"a", "b", "c", "\xC3\xBC\n"};
    json made = json::object();
    for (std::size_t i = below(4); i > 0; --i) made[k_names[below(4)]] = value(depth - 1, deletes);
    return made;
  }
  json value(int depth, bool deletes) {
    if (deletes && below(4) == 0) return nullptr;
    if (depth > 0 && below(2) == 0) return object(depth, deletes);
    static const json k_values[] = {1, 1.0, 1.5, "1", true, json::array(), json::array({nullptr, 1, {{"a", nullptr}}})};
    return k_values[below(std::size(k_values))];
  }

  std::mt19937_64 random_;
};

json patched(json document, const json& patch) {
  document.merge_patch(patch);
  return document;
}

TEST(MergePatchOfAnyDocuments, AgreesWithTheLibrarysOwn) {
  Documents any(1);
  for (int round = 0; round < 5'000; ++round) {
    const json document = any.document();
    const json patch = any.patch();
    const auto mine = apply_patch(document.dump(), patch.dump());
    ASSERT_TRUE(mine) << mine.error().what;
    ASSERT_EQ(json::parse(*mine), patched(document, patch)) << document << " + " << patch;
    ASSERT_EQ(compact_json(*mine), *mine);
  }
}

TEST(MergePatchOfAnyDocuments, TwoJoinedDoWhatTheyDoOneAfterTheOther) {
  Documents any(2);
  for (int round = 0; round < 5'000; ++round) {
    const json document = any.document();
    json one_by_one = document;
    std::string joined = "{}";
    for (int i = 0; i < 4; ++i) {
      const json next = any.patch();
      one_by_one.merge_patch(next);
      joined = join_patches(joined, next.dump(), document.dump()).value();
      ASSERT_EQ(json::parse(apply_patch(document.dump(), joined).value()), one_by_one) << document << " + " << joined;
    }
  }
}

TEST(MergePatchOfAnyDocuments, TowardsWhatIsWantedLeavesNothingToDo) {
  Documents any(3);
  for (int round = 0; round < 5'000; ++round) {
    const json there = any.document();
    const json wanted = any.patch();
    const std::string patch = patch_towards(there.dump(), wanted.dump()).value().value_or("{}");
    const std::string after = apply_patch(there.dump(), patch).value();
    ASSERT_EQ(json::parse(after), patched(there, wanted)) << there << " -> " << wanted << " by " << patch;
    ASSERT_EQ(patch_towards(after, wanted.dump()).value(), std::nullopt) << after << " -> " << wanted;
  }
}

}  // namespace
}  // namespace iotc_ha::azure
