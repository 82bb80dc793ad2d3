#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace iotc_ha::core {

/// A key, a token or a password. It has no formatter and no stream operator, so that logging one does not compile, and
/// it wipes its memory when it goes. `reveal()` is for the one call that needs the text: signing, or the library that
/// sends it.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      text_ = other.text_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      text_ = std::move(other.text_);
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  [[nodiscard]] const std::string& reveal() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  void wipe() noexcept {
    // volatile: a store to memory that is never read again would otherwise be left out.
    for (std::size_t i = 0; i < text_.size(); ++i) static_cast<volatile char*>(text_.data())[i] = '\0';
    text_.clear();
  }

  std::string text_;
};

}  // namespace iotc_ha::core
