#pragma once

#include "departures.hpp"
#include "pending.hpp"
#include "sdbus.hpp"

#include <iotc_ha/bus/service.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace iotc_ha::bus {

/// The programs that have claimed properties or commands on one connection, which must live longer. Each is watched
/// from its first claim on, so that what it claimed is free when it leaves. Never blocks.
class Claimers {
 public:
  using Ask = std::function<core::Result<void>(const core::Caller&, std::vector<std::string> names)>;

  /// `left` is told of each that has claimed something, once; `broken`, that the connection is gone.
  Claimers(sdbus::IConnection& connection, Departures& departures, std::function<void(const core::Caller&)> left,
           Broken broken);
  ~Claimers();
  Claimers(const Claimers&) = delete;
  Claimers& operator=(const Claimers&) = delete;

  /// Has `ask` give the names to the caller, once the bus has said that it is there still: one that has left before we
  /// watched for it would have them for ever. In the order of the calls.
  void claim(const core::Caller& caller, std::vector<std::string> names, const Ask& ask, Answer<void> answer);

  /// Those that have claimed something.
  [[nodiscard]] std::vector<core::Caller> all() const;

  /// A bus lets a connection have 512 rules, and a user 256 connections.
  static constexpr std::size_t k_claimers_max = 128;

 private:
  struct Claimer {
    bool has_claimed = false;
    std::string unwatched;  ///< why the bus does not tell of its end; "": it does
  };

  template <typename Answered>
  void call_bus(const char* method, const std::string& argument, Answered answered);
  void watch(const core::Caller& caller);
  void forget(const core::Caller& caller);
  core::Result<void> presence_of(const core::Caller& caller, const ReplyError& error, bool present);
  void gone(const core::Caller& caller);

  Departures& departures_;
  const std::function<void(const core::Caller&)> left_;
  const Broken broken_;
  std::map<core::Caller, Claimer> claimers_;
  std::unique_ptr<sdbus::IProxy> bus_;  ///< goes first, and with it what waits for its answers
};

}  // namespace iotc_ha::bus
