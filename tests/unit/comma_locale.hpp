#pragma once

#include <gtest/gtest.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace iotc_ha::test {

/// While it lives, the C library writes and reads 1.5 as "1,5", as in most of Europe. The locale is compiled on the
/// spot (localedef is part of every Debian): a test that waited for an installed one would pass on a bare machine
/// untested.
class CommaLocale {
 public:
  // NOLINTBEGIN(concurrency-mt-unsafe): the tests that use it have one thread
  CommaLocale() {
    const char* const old = std::getenv("LOCPATH");
    old_path_ = old == nullptr ? "" : old;
    std::string folder = (std::filesystem::temp_directory_path() / "comma-locale-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder for a locale");
    folder_ = folder;
    std::ofstream(folder_ / "source") << "comment_char %\nescape_char /\nLC_NUMERIC\ndecimal_point \",\"\n"
                                         "thousands_sep \".\"\ngrouping 3;3\nEND LC_NUMERIC\n";
    // Its exit status says only that the other categories are missing; setlocale() tells whether it worked.
    const std::string command =
        "localedef -c -i '" + folder + "/source' -f ANSI_X3.4-1968 '" + folder + "/comma' >/dev/null 2>&1";
    const int ignored = std::system(command.c_str());
    static_cast<void>(ignored);
    setenv("LOCPATH", folder.c_str(), 1);
    if (std::setlocale(LC_NUMERIC, "comma") == nullptr || std::localeconv()->decimal_point != std::string(",")) {
      ADD_FAILURE() << "there is no locale with a decimal comma: localedef did not work";
    }
  }
  ~CommaLocale() {
    std::setlocale(LC_NUMERIC, "C");
    if (old_path_.empty()) {
      unsetenv("LOCPATH");
    } else {
      setenv("LOCPATH", old_path_.c_str(), 1);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  // NOLINTEND(concurrency-mt-unsafe)
  CommaLocale(const CommaLocale&) = delete;
  CommaLocale& operator=(const CommaLocale&) = delete;

 private:
  std::filesystem::path folder_;
  std::string old_path_;
};

}  // namespace iotc_ha::test
