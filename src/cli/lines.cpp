#include "lines.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace iotc_ha::cli {
namespace {

constexpr const char* k_blanks = " \t\r\n";

/// Appends what can be read at once; waits if nothing can. False at the end and on an error.
bool read_some(int descriptor, std::string& into, std::string& error) {
  std::array<char, 65'536> bytes{};
  ssize_t count = 0;
  do {
    count = read(descriptor, bytes.data(), bytes.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) error = "standard input: " + std::generic_category().message(errno);
  if (count > 0) into.append(bytes.data(), static_cast<std::size_t>(count));
  return count > 0;
}

std::string without_blanks(const std::string& text) {
  const std::size_t first = text.find_first_not_of(k_blanks);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(k_blanks) + 1 - first);
}

}  // namespace

std::vector<Line> Lines::take(std::size_t count) {
  std::vector<Line> lines;
  std::size_t bytes = 0;
  while (lines.size() < count && bytes < k_batch_bytes) {
    if (ready_.empty()) {
      if (ended_ || (!lines.empty() && !readable_now())) break;
      fill();
    } else {
      bytes += ready_.front().text.size();
      lines.push_back(std::move(ready_.front()));
      ready_.pop_front();
    }
  }
  return lines;
}

void Lines::fill() {
  std::string read;
  if (!read_some(descriptor_, read, error_)) {
    ended_ = true;
    // The last line may lack its end. Before an error it may lack more.
    if (error_.empty() && (line_.cut || !line_.text.empty())) end_line();
  }
  std::string_view rest = read;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    add(rest.substr(0, end));
    if (end == std::string_view::npos) return;
    end_line();
    rest.remove_prefix(end + 1);
  }
}

void Lines::add(std::string_view part) {
  if (line_.cut) return;
  line_.text += part;
  line_.cut = line_.text.size() > k_line_max;
  if (line_.cut) line_.text = {};
}

void Lines::end_line() {
  line_.number = ++last_number_;
  if (line_.cut || line_.text.find_first_not_of(k_blanks) != std::string::npos) ready_.push_back(std::move(line_));
  line_ = {};
}

bool Lines::readable_now() const {
  pollfd input{descriptor_, POLLIN, 0};
  return poll(&input, 1, 0) > 0;
}

Line read_document(int descriptor, std::string& error) {
  Line document;
  while (!document.cut && read_some(descriptor, document.text, error)) {
    document.cut = document.text.size() > Lines::k_line_max;
  }
  document.text = without_blanks(document.text);
  return document;
}

}  // namespace iotc_ha::cli
