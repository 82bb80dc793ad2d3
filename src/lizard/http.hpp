#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

/// A request and its answer as plain values, so that the services know nothing of the server.
namespace iotc_ha::lizard {

struct HttpRequest {
  std::string method;
  std::string path;         ///< decoded, without the query
  std::string api_version;  ///< from the query, "" when absent
  std::string authorization;
  std::string content_type;
  std::string body;
  std::function<bool()> caller_is_gone = [] { return false; };  ///< asked by what waits before it answers
};

struct HttpAnswer {
  int status = 200;
  std::string body;  ///< JSON
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace iotc_ha::lizard
