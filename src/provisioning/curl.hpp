#pragma once

#include <curl/curl.h>

#include <new>
#include <stdexcept>
#include <string>

/// libcurl's C interface with C++'s errors and ownership.
namespace iotc_ha::provisioning {

/// A refusal here is one of memory or of an option that this libcurl was built without: nothing that we could mend.
inline void require(CURLcode code) {
  if (code != CURLE_OK) throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(code));
}
inline void require(CURLMcode code) {
  if (code != CURLM_OK) throw std::runtime_error(std::string("libcurl: ") + curl_multi_strerror(code));
}

// libcurl reads numbers as long and nothing else, so that an int would be read past its end.
inline void set(CURL* easy, CURLoption option, long value) { require(curl_easy_setopt(easy, option, value)); }
inline void set(CURL* easy, CURLoption option, const char* value) { require(curl_easy_setopt(easy, option, value)); }
inline void set(CURL* easy, CURLoption option, const std::string& value) { set(easy, option, value.c_str()); }

template <typename T>
T info(CURL* easy, CURLINFO what) {
  T value{};
  require(curl_easy_getinfo(easy, what, &value));
  return value;
}

class Headers {
 public:
  Headers() = default;
  ~Headers() { curl_slist_free_all(list_); }
  Headers(const Headers&) = delete;
  Headers& operator=(const Headers&) = delete;
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  [[nodiscard]] curl_slist* list() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

}  // namespace iotc_ha::provisioning
