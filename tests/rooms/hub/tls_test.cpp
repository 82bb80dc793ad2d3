#include "room.hpp"
#include "tls_sessions.hpp"

#include <openssl/ssl.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

/// Which TLS is spoken, and when a session of an earlier connection is resumed.
namespace iotc_ha::hub_test {
namespace {

using core::AttemptId;
using core::Fault;

class Tls : public HubRoom {
 protected:
  /// A hub that speaks TLS up to this version, and notes how each connection came about.
  [[nodiscard]] ScriptedPeer::Script hub(int newest, hub::Transport transport) {
    return [this, newest, transport](Dialogue& device) {
      device.start_tls(keys, newest);
      {
        const std::scoped_lock lock(mutex_);
        handshakes_.push_back({device.tls_version(), device.is_resumed()});
      }
      if (transport == hub::Transport::WebSocket) device.upgrade();
      device.accept_session();
      device.wait_until_gone();
    };
  }
  /// Three sessions, one after the other.
  void open_thrice(int newest, hub::Transport transport) {
    ScriptedPeer peer(hub(newest, transport));
    hub::Endpoint to = endpoint(peer.port());
    to.transport = transport;
    to.websocket_port = peer.port();
    Desk desk;
    for (const std::uint64_t i : {1U, 2U, 3U}) {
      desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{i}, to); });
      ASSERT_TRUE(desk.wait_for<hub::Opened>(k_soon));
    }
  }
  struct Handshake {
    int version;
    bool resumed;
  };
  [[nodiscard]] std::vector<Handshake> handshakes() {
    const std::scoped_lock lock(mutex_);
    return handshakes_;
  }

 private:
  std::mutex mutex_;
  std::vector<Handshake> handshakes_;
};

TEST_F(Tls, IsTheNewestThatBothSidesHaveAndResumedByTheNextConnection) {
  for (const auto transport : {hub::Transport::Mqtt, hub::Transport::WebSocket}) {
    for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      const std::size_t before = handshakes().size();
      ASSERT_NO_FATAL_FAILURE(open_thrice(newest, transport));
      const auto all = handshakes();
      ASSERT_EQ(all.size(), before + 3);
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(all[before + i].version, newest);
        EXPECT_EQ(all[before + i].resumed, i > 0)
            << "connection " << i << ", TLS version " << newest << ", transport " << static_cast<int>(transport);
      }
    }
  }
}

TEST_F(Tls, IsResumedWithABrokerAlsoAfterAConnectionThatDied) {
  const std::uint64_t before = hub::tls_sessions::resumed();
  std::optional<Broker> broker(std::in_place, folder.path(), Broker::Options{keys});
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker->port()));
  EXPECT_EQ(hub::tls_sessions::resumed(), before);
  ASSERT_TRUE(opened(desk, AttemptId{2}, broker->port()));
  EXPECT_EQ(hub::tls_sessions::resumed(), before + 1);
}

TEST_F(Tls, AnotherCertificateInThePlaceOfTheFirstIsRefused) {
  const std::uint16_t port = free_port();
  std::optional<Broker> broker(std::in_place, folder.path(), Broker::Options{keys, false, port});
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, port));
  broker.reset();
  ASSERT_TRUE(desk.wait_for<hub::Lost>(k_soon));
  const Authority stranger(folder.path(), "stranger");
  broker.emplace(folder.path(), Broker::Options{stranger.issue("IP:" + own_address()), false, port});
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{2}, endpoint(port)); });
  const auto refused = desk.wait_for<hub::Lost>(k_soon);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error.fault, Fault::TlsRefused) << refused->error.what;
}

TEST_F(Tls, IsNotResumedWithAnotherTrustStore) {
  const Authority stranger(folder.path(), "stranger");
  const Broker broker(folder.path(), {keys});
  Desk desk;
  ASSERT_TRUE(opened(desk, AttemptId{1}, broker.port()));
  hub::Endpoint to = endpoint(broker.port());
  to.ca_file = stranger.file();
  desk.run([&](hub::Sessions& sessions) { sessions.open(AttemptId{2}, to); });
  const auto refused =
      desk.wait_for<hub::Lost>(k_soon, [](const hub::Lost& lost) { return lost.attempt == AttemptId{2}; });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error.fault, Fault::TlsRefused) << refused->error.what;
  EXPECT_TRUE(opened(desk, AttemptId{3}, broker.port())) << "and the first still has its own";
}

}  // namespace
}  // namespace iotc_ha::hub_test
