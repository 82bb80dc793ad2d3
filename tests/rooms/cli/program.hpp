#pragma once

#include "private_bus.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace iotc_ha::cli {

/// `iotc-hactl` while it runs, with pipes for its input and output. It is killed with us.
class Program {
 public:
  explicit Program(std::vector<std::string> command);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void write(const std::string& text) const;  ///< to its standard input
  void close_input();
  void signal(int number) const;
  std::optional<std::string> line();  ///< the next of its standard output; nothing at the end or after the deadline

  struct End {
    int status;          ///< 128 + the signal that killed it
    std::string output;  ///< what line() has not taken
    std::string errors;
  };
  End end();  ///< closes its input, and waits until it ends by itself

 private:
  bool read_some();

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string read_;
  std::string errors_;  ///< a file, so that it can be written without anybody reading
};

/// The command line for `arguments` on a bus.
std::vector<std::string> hactl(const std::string& address, const std::vector<std::string>& arguments);
/// Runs it to its end, with `input` as its standard input.
Program::End run(const std::string& address, const std::vector<std::string>& arguments, const std::string& input = "");

}  // namespace iotc_ha::cli
