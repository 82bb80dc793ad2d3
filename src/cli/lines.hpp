#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace iotc_ha::cli {

/// One line of an input, without its end.
struct Line {
  std::uint64_t number = 0;  ///< the first is 1
  std::string text;
  bool cut = false;  ///< it was longer than k_line_max, and `text` is empty
};

/// The lines of a descriptor as they come: whoever writes slowly is read promptly, whoever writes fast in batches.
/// Holds little more than one batch in memory, however long a line is.
class Lines {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor) {}

  /// Waits for a line, and takes those that are there, at most `count` and not many more than k_batch_bytes. Nothing at
  /// the end of the input, or when reading fails: then error() says why. Lines of blanks are left out.
  std::vector<Line> take(std::size_t count);
  [[nodiscard]] const std::string& error() const { return error_; }

  static constexpr std::size_t k_line_max = std::size_t{1} << 20U;  ///< four times what a message may have
  static constexpr std::size_t k_batch_bytes = std::size_t{4} << 20U;

 private:
  void fill();  ///< reads once, and waits if nothing is there
  void add(std::string_view part);
  void end_line();
  [[nodiscard]] bool readable_now() const;

  int descriptor_;
  std::deque<Line> ready_;
  Line line_;  ///< the one whose end has not come yet
  std::uint64_t last_number_ = 0;
  bool ended_ = false;
  std::string error_;
};

/// All of an input, without blanks at its ends, as one line; `cut` when it is longer than Lines::k_line_max. `error` is
/// set when reading fails.
[[nodiscard]] Line read_document(int descriptor, std::string& error);

}  // namespace iotc_ha::cli
