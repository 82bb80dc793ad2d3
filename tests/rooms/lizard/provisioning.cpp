#include "provisioning.hpp"

#include <iotc_ha/azure/sas.hpp>

#include <gtest/gtest.h>
#include <httplib.h>

namespace iotc_ha::lizard::test {
namespace {

std::chrono::sys_seconds in_an_hour() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::hours(1);
}

constexpr const char* k_version = "?api-version=2021-06-01";

}  // namespace

core::Secret key_of(const RunningLizard& lizard, const std::string& device) {
  return azure::derive_device_key(core::Secret(lizard.facts()["group_key"].get<std::string>()), device).value();
}

Provisioning::Provisioning(const RunningLizard& lizard, std::string device)
    : client_(std::make_unique<httplib::SSLClient>(lizard.facts()["dps"]["address"].get<std::string>(),
                                                   lizard.facts()["dps"]["port"].get<int>())),
      device_(std::move(device)),
      scope_(lizard.facts()["id_scope"]) {
  client_->set_ca_cert_path(lizard.facts()["ca_file"].get<std::string>().c_str());
  client_->enable_server_certificate_verification(true);
  client_->set_keep_alive(true);
  client_->set_tcp_nodelay(true);
  client_->set_read_timeout(2);
  use_key(key_of(lizard, device_));
}

Provisioning::~Provisioning() = default;

void Provisioning::use_key(const core::Secret& key) {
  token_ = azure::dps_token(key, scope_, device_, in_an_hour()).value().reveal();
}

Answer Provisioning::read(const void* result) const {
  const auto& response = *static_cast<const httplib::Result*>(result);
  if (!response) return {};
  return {.status = response->status,
          .body = json::parse(response->body),
          .retry_after = response->get_header_value("Retry-After")};
}

Answer Provisioning::put() {
  const json body{{"registrationId", device_}, {"payload", {{"modelId", "dtmi:Sample:Failover;1"}}}};
  const auto result = client_->Put("/" + scope_ + "/registrations/" + device_ + "/register" + k_version,
                                   {{"Authorization", token_}}, body.dump(), "application/json");
  return read(&result);
}

Answer Provisioning::poll(const std::string& operation, const std::string& body) {
  httplib::Request request;
  request.method = "GET";
  request.path = "/" + scope_ + "/registrations/" + device_ + "/operations/" + operation + k_version;
  request.headers = {{"Authorization", token_}};
  request.body = body;
  const auto result = client_->send(request);
  return read(&result);
}

Answer Provisioning::look_up() {
  const json body{{"registrationId", device_}};
  const auto result = client_->Post("/" + scope_ + "/registrations/" + device_ + k_version, {{"Authorization", token_}},
                                    body.dump(), "application/json");
  return read(&result);
}

Answer Provisioning::post(const std::string& path, const std::string& body, const std::string& token) {
  const auto result = client_->Post(path, {{"Authorization", token}}, body, "application/json");
  return read(&result);
}

Answer Provisioning::call(const std::string& method, const std::string& path, const std::string& body,
                          const std::string& token) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.headers = {{"Authorization", token}, {"Content-Type", "application/json"}};
  request.body = body;
  client_->set_read_timeout(k_patience);
  const auto result = client_->send(request);
  client_->set_read_timeout(2);
  return read(&result);
}

std::string Provisioning::register_device() {
  Answer answer = put();
  while (answer.status == 202) answer = poll(answer.body["operationId"]);
  EXPECT_EQ(answer.status, 200) << answer.body;
  if (answer.status != 200) return "";
  return answer.body["registrationState"].value("assignedHub", "");
}

}  // namespace iotc_ha::lizard::test
