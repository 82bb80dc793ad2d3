#include <iotc_ha/azure/dps.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace iotc_ha::azure {
namespace {

using core::Error;
using core::Fault;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr const char* k_assigned =
    R"({"operationId":"5.3","status":"assigned","registrationState":{"registrationId":"reg_id","assignedHub":"hub-b.azure-devices.net","deviceId":"Dev-1","status":"assigned","substatus":"deviceDataMigrated"}})";
constexpr const char* k_failed =
    R"({"operationId":"5.3","status":"failed","registrationState":{"registrationId":"reg_id","createdDateTimeUtc":"2020-04-10T03:11:13.2096201Z","status":"failed","errorCode":400207,"errorMessage":"Custom allocation failed with status code: 400","lastUpdatedDateTimeUtc":"2020-04-10T03:11:13.2096201Z","etag":"x"}})";
constexpr const char* k_disabled =
    R"({"operationId":"5.3","status":"disabled","registrationState":{"registrationId":"reg_id","status":"disabled"}})";
constexpr const char* k_unauthorized =
    R"({"errorCode":401002,"trackingId":"8ad0463c-6427-4479-9dfa-3e8bb7003e9b","message":"Invalid certificate.","timestampUtc":"2020-04-10T05:24:22.4718526Z"})";
constexpr const char* k_throttled =
    R"({"errorCode":429001,"trackingId":"8ad0463c","message":"Operations are being throttled for this tenant.","timestampUtc":"2020-04-10T05:24:22.4718526Z"})";

Error refused(int http, std::string_view body, std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  const auto answer = read_dps_answer(http, body, retry_after);
  EXPECT_FALSE(answer) << body;
  return answer ? Error{} : answer.error();
}

Error refused_with_code(int http, int code) { return refused(http, R"({"errorCode":)" + std::to_string(code) + "}"); }

DpsAssigning assigning(std::string_view body, std::optional<std::chrono::seconds> retry_after) {
  const auto answer = read_dps_answer(202, body, retry_after);
  EXPECT_TRUE(answer && std::holds_alternative<DpsAssigning>(*answer)) << body;
  return answer && std::holds_alternative<DpsAssigning>(*answer) ? std::get<DpsAssigning>(*answer) : DpsAssigning{};
}

TEST(Dps, PathsAndBodyAreThoseOfTheHttpInterface) {
  EXPECT_EQ(dps_register_path("0ne00ABCDEF", "failover-linux"),
            "/0ne00ABCDEF/registrations/failover-linux/register?api-version=2021-06-01");
  EXPECT_EQ(dps_operation_path("0ne00ABCDEF", "a:b", "5.316a/c"),
            "/0ne00ABCDEF/registrations/a%3Ab/operations/5.316a%2Fc?api-version=2021-06-01");
  EXPECT_EQ(dps_register_body("failover-linux", "dtmi:Sample:Failover;1"),
            R"({"registrationId":"failover-linux","payload":{"modelId":"dtmi:Sample:Failover;1"}})");
}

TEST(Dps, WhileAssigningTheOperationIsAskedForAgainAfterItsWait) {
  const char* body = R"({"operationId":"5.316aac5bdc130deb.b1e02da8","status":"assigning"})";
  EXPECT_EQ(assigning(body, 7s).operation_id, "5.316aac5bdc130deb.b1e02da8");
  EXPECT_EQ(assigning(body, 7s).retry_after, 7s);
  EXPECT_EQ(assigning(body, std::nullopt).retry_after, 3s);
  EXPECT_EQ(assigning(body, 0s).retry_after, 2s);
  EXPECT_EQ(assigning(R"({"operationId":"5.3","status":"unassigned"})", 2s).retry_after, 2s);
}

TEST(Dps, AnAssignmentMayComeAtOnceOrWithTheLastPoll) {
  for (const int http : {200, 202}) {
    const auto answer = read_dps_answer(http, k_assigned, std::nullopt);
    ASSERT_TRUE(answer) << answer.error().what;
    const auto& assigned = std::get<DpsAssigned>(*answer);
    EXPECT_EQ(assigned.assignment, (core::Assignment{"hub-b.azure-devices.net", "Dev-1"}));
    EXPECT_EQ(assigned.substatus, "deviceDataMigrated");
  }
}

TEST(Dps, TheStatusOfTheBodyDecidesThoughHttpSays200) {
  const Error failed = refused(200, k_failed);
  EXPECT_EQ(failed.fault, Fault::DpsFailed);
  EXPECT_THAT(failed.what, HasSubstr("400207 Custom allocation failed with status code: 400"));
  EXPECT_EQ(refused(200, k_disabled).fault, Fault::DpsDisabled);
}

TEST(Dps, AnErrorCarriesItsCodeMessageAndTrackingIdAndTheWait) {
  const Error error = refused(401, k_unauthorized, 12s);
  EXPECT_EQ(error.fault, Fault::DpsUnauthorized);
  EXPECT_EQ(error.what,
            "DPS answered 401: 401002 Invalid certificate. (trackingId 8ad0463c-6427-4479-9dfa-3e8bb7003e9b)");
  EXPECT_EQ(error.retry_after, 12s);
  EXPECT_EQ(refused(429, k_throttled, 30s), (Error{Fault::DpsThrottled,
                                                   "DPS answered 429: 429001 Operations are being throttled for "
                                                   "this tenant. (trackingId 8ad0463c)",
                                                   30s}));
}

TEST(Dps, AnErrorBodyIsKnownByItsCodeWhateverHttpSays) {
  EXPECT_EQ(refused(200, k_throttled).fault, Fault::DpsThrottled);
  EXPECT_EQ(refused(500, k_unauthorized).fault, Fault::DpsUnauthorized);
  EXPECT_EQ(refused_with_code(200, 404201).fault, Fault::DpsNotFound);
}

TEST(Dps, EveryRowOfTheTableOfStatusesHasItsFault) {
  const std::pair<int, Fault> by_http[] = {
      {400, Fault::DpsProtocol},    {401, Fault::DpsUnauthorized}, {403, Fault::DpsForbidden},
      {404, Fault::DpsNotFound},    {405, Fault::DpsProtocol},     {408, Fault::DpsUnavailable},
      {409, Fault::DpsConflict},    {412, Fault::DpsConflict},     {415, Fault::DpsProtocol},
      {429, Fault::DpsThrottled},   {500, Fault::DpsUnavailable},  {502, Fault::DpsUnavailable},
      {503, Fault::DpsUnavailable}, {504, Fault::DpsUnavailable},  {302, Fault::DpsProtocol}};
  for (const auto& [http, fault] : by_http) {
    EXPECT_EQ(refused(http, "").fault, fault) << http;
    EXPECT_EQ(refused(http, "{}").fault, fault) << http;
    EXPECT_EQ(refused(http, "<html>a proxy's page</html>").fault, fault) << http;
    EXPECT_EQ(refused_with_code(http, http).fault, fault) << http;
  }
  const std::pair<int, Fault> by_code[] = {
      {400000, Fault::DpsProtocol},    {400207, Fault::DpsFailed},     {400208, Fault::DpsFailed},
      {400209, Fault::DpsFailed},      {400210, Fault::DpsProtocol},   {401002, Fault::DpsUnauthorized},
      {403002, Fault::DpsForbidden},   {404201, Fault::DpsNotFound},   {404202, Fault::DpsNotFound},
      {409000, Fault::DpsConflict},    {412001, Fault::DpsConflict},   {429001, Fault::DpsThrottled},
      {500000, Fault::DpsUnavailable}, {503001, Fault::DpsUnavailable}};
  for (const auto& [code, fault] : by_code) EXPECT_EQ(refused_with_code(400, code).fault, fault) << code;
}

TEST(Dps, AnAssignmentThatCannotBeUsedIsRefused) {
  const auto with = [](const std::string& hub, const std::string& device) {
    return R"({"status":"assigned","registrationState":{"assignedHub":)" + hub + R"(,"deviceId":)" + device + "}}";
  };
  ASSERT_TRUE(read_dps_answer(200, with(R"("127.0.0.2")", R"("a.b%_*?!(),:=@$'-9")"), std::nullopt));
  for (const char* hub :
       {"null", "7", R"("")", R"("hub/evil")", R"("hub?x")", R"("u@hub")", R"("a b")", R"("a\u0000b")"}) {
    const Error error = refused(200, with(hub, R"("d")"));
    EXPECT_EQ(error.fault, Fault::DpsProtocol);
    EXPECT_THAT(error.what, HasSubstr("assignedHub"));
  }
  const std::string endless = '"' + std::string(129, 'd') + '"';
  for (const char* device :
       {"null", R"("")", R"("a/b")", R"("#")", R"("+")", R"("a b")", R"("\u00fc")", endless.c_str()}) {
    const Error error = refused(200, with(R"("hub")", device));
    EXPECT_EQ(error.fault, Fault::DpsProtocol);
    EXPECT_THAT(error.what, HasSubstr("deviceId"));
  }
  EXPECT_EQ(refused(200, R"({"status":"assigned"})").fault, Fault::DpsProtocol);
  EXPECT_EQ(refused(200, R"({"status":"assigned","registrationState":"x"})").fault, Fault::DpsProtocol);
}

TEST(Dps, AnAnswerThatCannotBeReadIsSaidSo) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"<html>", "not a JSON object: <html>"},
      {"{}", "unknown status ''"},
      {R"({"status":"dancing"})", "unknown status 'dancing'"},
      {R"({"status":7})", "unknown status ''"},
      {R"({"status":"assigning"})", "no operationId"},
      {R"({"status":"assigning","operationId":""})", "no operationId"},
  };
  for (const auto& [body, complaint] : cases) {
    const Error error = refused(200, body);
    EXPECT_EQ(error.fault, Fault::DpsProtocol) << body;
    EXPECT_THAT(error.what, HasSubstr(complaint)) << body;
  }
}

TEST(Dps, ForeignTextIsCutAndCleanedForTheJournal) {
  const Error error =
      refused(400, R"({"errorCode":400000,"message":"a\n\u001b[31m)" + std::string(5'000, 'm') + R"("})");
  EXPECT_THAT(error.what, HasSubstr("400000 a??[31mmmm"));
  EXPECT_LT(error.what.size(), 300U);
}

TEST(Dps, AnEndlesslyNestedBodyIsRefused) {
  const std::string body = R"({"status":"assigned","registrationState":)" + std::string(1'000'000, '[');
  EXPECT_EQ(refused(200, body).fault, Fault::DpsProtocol);
}

}  // namespace
}  // namespace iotc_ha::azure
