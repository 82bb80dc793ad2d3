#include "config_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace iotc_ha::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(Config, TheThreeNeededValuesAreEnoughAndTheRestHasTheDocumentedDefaults) {
  const Config config = good("");
  EXPECT_EQ(config.device.id, "dev-1");
  EXPECT_EQ(config.device.model_id, "dtmi:Sample:Failover;1");
  EXPECT_EQ(config.provisioning.id_scope, "0ne00ABCDEF");
  EXPECT_EQ(std::get<GroupKey>(config.provisioning.attestation).base64.reveal(), k_group_key);
  EXPECT_EQ(config.provisioning.host, "global.azure-devices-provisioning.net");
  EXPECT_EQ(config.provisioning.transport, Provisioning::Transport::Https);
  EXPECT_EQ(config.provisioning.port, 443);
  EXPECT_EQ(config.hub.transport, Hub::Transport::Mqtt);
  EXPECT_EQ(config.hub.keep_alive, 12s);
  EXPECT_EQ(config.hub.token_life, 1h);
  EXPECT_TRUE(config.hub.ca_file.empty());
  EXPECT_EQ(config.hub.proxy, "");
  EXPECT_EQ(config.failover, core::Policy::fast());
  EXPECT_EQ(config.spool.max_bytes, 256U << 20U);
  EXPECT_EQ(config.spool.max_age, 30 * 24h);
  EXPECT_EQ(config.spool.replay_window, 0s);
  EXPECT_EQ(config.spool.when_full, Spool::WhenFull::DropOldest);
  EXPECT_EQ(config.sample.telemetry_period, 5s);
  EXPECT_EQ(config.sample.reported_property_period, 15s);
  EXPECT_TRUE(config.sample.c2d_command_receive);
  EXPECT_EQ(config.log.level, "info");
}

TEST(Config, EveryKeyIsReadIntoItsPlace) {
  const ConfigDir dir;
  const auto ca = dir.write("ca.pem", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
  dir.main(R"(
[device]
id = "line-7:press.2"
model_id = "dtmi:com:example:Press_2;12"
[provisioning]
id_scope = "0cn0000beef"
symmetric_key = ")" +
           std::string(k_device_key) + R"("
host = "127.0.0.9"
port = 8443
transport = "mqtt"
[hub]
transport = "auto"
keep_alive = "1min"
token_life = "10s"
ca_file = ")" +
           ca.string() + R"("
proxy = "http://line7:p%40ss%3Aword!@proxy.example:3128"
[spool]
max_bytes = "1GiB"
max_age = "12h"
replay_window = "10min"
when_full = "reject"
[sample]
telemetry_send = false
telemetry_period = "500ms"
reported_property_send = false
reported_property_period = "2m"
desired_property_receive = false
direct_method_receive = false
c2d_command_receive = false
[log]
level = "debug"
)");
  ASSERT_THAT(dir.faults(), IsEmpty());
  const Config config = *dir.load();
  EXPECT_EQ(config.device.id, "line-7:press.2");
  EXPECT_EQ(config.device.model_id, "dtmi:com:example:Press_2;12");
  EXPECT_EQ(config.provisioning.id_scope, "0cn0000beef");
  EXPECT_EQ(std::get<DeviceKey>(config.provisioning.attestation).base64.reveal(), k_device_key);
  EXPECT_EQ(config.provisioning.host, "127.0.0.9");
  EXPECT_EQ(config.provisioning.transport, Provisioning::Transport::Mqtt);
  EXPECT_EQ(config.provisioning.port, 8443);
  EXPECT_EQ(config.hub.transport, Hub::Transport::Auto);
  EXPECT_EQ(config.hub.keep_alive, 60s);
  EXPECT_EQ(config.hub.token_life, 10s);
  EXPECT_EQ(config.hub.ca_file, ca);
  EXPECT_EQ(config.hub.proxy, "http://line7:p%40ss%3Aword!@proxy.example:3128");
  EXPECT_EQ(config.spool.max_bytes, 1U << 30U);
  EXPECT_EQ(config.spool.max_age, 12h);
  EXPECT_EQ(config.spool.replay_window, 10min);
  EXPECT_EQ(config.spool.when_full, Spool::WhenFull::Reject);
  EXPECT_FALSE(config.sample.telemetry_send);
  EXPECT_EQ(config.sample.telemetry_period, 500ms);
  EXPECT_FALSE(config.sample.reported_property_send);
  EXPECT_EQ(config.sample.reported_property_period, 120s);
  EXPECT_FALSE(config.sample.desired_property_receive);
  EXPECT_FALSE(config.sample.direct_method_receive);
  EXPECT_FALSE(config.sample.c2d_command_receive);
  EXPECT_EQ(config.log.level, "debug");
}

TEST(Config, ThePortOfDpsIsThatOfTheTransportUnlessItIsSet) {
  EXPECT_EQ(good("transport = \"https\"\n").provisioning.port, 443);  // minimal() ends in that table
  EXPECT_EQ(good("transport = \"mqtt\"\n").provisioning.port, 8883);
  EXPECT_EQ(good("transport = \"mqtt-ws\"\n").provisioning.port, 443);
  EXPECT_EQ(good("port = 4443\ntransport = \"mqtt\"\n").provisioning.port, 4443);
}

TEST(Config, EachWayToAHubAndToDpsHasItsName) {
  EXPECT_EQ(good("transport = \"mqtt-ws\"\n").provisioning.transport, Provisioning::Transport::WebSocket);
  EXPECT_EQ(good("[hub]\ntransport = \"mqtt\"\n").hub.transport, Hub::Transport::Mqtt);
  EXPECT_EQ(good("[hub]\ntransport = \"mqtt-ws\"\n").hub.transport, Hub::Transport::WebSocket);
  EXPECT_EQ(fault_of("transport = \"auto\"\n"),
            "iotc-ha.conf:6: provisioning.transport: expected \"https\" | \"mqtt\" | \"mqtt-ws\", got \"auto\"");
  EXPECT_EQ(fault_of("[hub]\ntransport = \"amqp\"\n"),
            "iotc-ha.conf:7: hub.transport: expected \"mqtt\" | \"mqtt-ws\" | \"auto\", got \"amqp\"");
}

TEST(Config, EveryFaultOfEveryFileIsReportedAtOnceInTheOrderOfFilesAndLines) {
  const ConfigDir dir;
  dir.main("[device]\nid = \"Dev 1\"\n[hub]\nkeep_alive = 30\ntransprot = \"mqtt\"\n[provisioning]\nport = \"443\"\n",
           0644);
  dir.drop_in("20-later.conf", "[log]\nlevel = \"loud\"\n");
  dir.drop_in("10-first.conf", "[sample]\ntelemetry_send = \"yes\"\n[provisioning]\nsymmetric_key = \"c2hvcnQ=\"\n",
              0604);
  EXPECT_THAT(
      dir.faults(),
      ElementsAre(
          StartsWith("iotc-ha.conf: provisioning.id_scope: not filled in yet"),
          AllOf(StartsWith("iotc-ha.conf:2: device.id: expected"), HasSubstr("\"Dev 1\"")),
          AllOf(StartsWith("iotc-ha.conf:4: hub.keep_alive: expected a time in double quotes"), HasSubstr("got 30")),
          "iotc-ha.conf:5: hub.transprot: unknown key; is hub.transport meant?",
          AllOf(StartsWith("iotc-ha.conf:7: provisioning.port: expected a port number"), HasSubstr("\"443\"")),
          AllOf(StartsWith("iotc-ha.conf.d/10-first.conf:2: sample.telemetry_send: expected true or false"),
                HasSubstr("\"yes\"")),
          AllOf(StartsWith("iotc-ha.conf.d/10-first.conf:4: provisioning.symmetric_key: this file holds a key"),
                HasSubstr("chmod 0640")),
          AllOf(StartsWith("iotc-ha.conf.d/10-first.conf:4: provisioning.symmetric_key: expected a key"),
                Not(HasSubstr("c2hvcnQ"))),
          AllOf(StartsWith("iotc-ha.conf.d/20-later.conf:2: log.level: expected \"trace\""), HasSubstr("\"loud\""))));
}

TEST(Config, UnknownNamesAreReportedWithTheNearestKnownOne) {
  EXPECT_EQ(fault_of("[hub]\nkeepalive = \"30s\"\n"),
            "iotc-ha.conf:7: hub.keepalive: unknown key; is hub.keep_alive meant?");
  EXPECT_EQ(fault_of("[hubs]\nkeep_alive = \"30s\"\n"), "iotc-ha.conf:6: hubs: unknown table; is [hub] meant?");
  EXPECT_EQ(fault_of("[hub]\nmax_age = \"1d\"\n"), "iotc-ha.conf:7: hub.max_age: unknown key; is spool.max_age meant?");
  EXPECT_EQ(fault_of("[metrics]\nlisten = 9600\n"), "iotc-ha.conf:6: metrics: unknown table");
  EXPECT_EQ(fault_of("[hub.keep_alive]\nx = 1\n"),
            "iotc-ha.conf:6: hub.keep_alive: expected a time in double quotes such as \"500ms\", \"30s\", \"5min\", "
            "\"1h\" or "
            "\"7d\", from 1s to 1177s, got a table");
  EXPECT_EQ(fault_of("[hub]\n\"keep.alive\" = 1\n"),
            "iotc-ha.conf:7: hub.\"keep.alive\": unknown key; is hub.keep_alive meant?");
  EXPECT_EQ(fault_of("[[sample]]\ntelemetry_send = true\n"), "iotc-ha.conf:6: sample: expected a table, [sample]");
}

TEST(Config, ASyntaxErrorHasItsLineAndNeverQuotesAKey) {
  EXPECT_THAT(fault_of("[hub]\nkeep_alive = 30s\n"), StartsWith("iotc-ha.conf:7: not valid TOML"));
  EXPECT_THAT(fault_of("[log]\nlevel = \"info\"\nlevel = \"debug\"\n"),
              AllOf(StartsWith("iotc-ha.conf:8: not valid TOML"), HasSubstr("level")));
  const ConfigDir dir;
  dir.main("[provisioning]\ngroup_symmetric_key = 1234567890SECRET==\n");
  EXPECT_THAT(dir.faults(), ElementsAre(AllOf(StartsWith("iotc-ha.conf:2: not valid TOML"), HasSubstr("double quotes"),
                                              Not(HasSubstr("123")), Not(HasSubstr("SECRET")))));
}

TEST(Config, AFileThatDoesNotParseDoesNotMakeWhatItHoldsMissing) {
  const ConfigDir dir;
  dir.main(minimal("oops\n"));
  dir.drop_in("a.conf", "[log]\nlevel = \"loud\"\n");
  EXPECT_THAT(dir.faults(), ElementsAre(StartsWith("iotc-ha.conf:6: not valid TOML"),
                                        StartsWith("iotc-ha.conf.d/a.conf:2: log.level: expected")));
}

TEST(Config, AFileThatIsNotThereIsAFault) {
  const ConfigDir dir;
  EXPECT_THAT(dir.faults(), ElementsAre("iotc-ha.conf: cannot be read: No such file or directory"));
}

TEST(Config, TimesAndSizesTakeTheirUnitsOnlyInRange) {
  EXPECT_EQ(good("[failover]\ndps_timeout = \"1500ms\"\n").failover.dps_timeout, 1500ms);
  EXPECT_EQ(good("[failover]\ndps_timeout = \"2min\"\n").failover.dps_timeout, 120s);
  EXPECT_EQ(good("[failover]\nhalted_wait_max = \"1d\"\n").failover.halted_wait_max, 24h);
  EXPECT_EQ(good("[spool]\nmax_bytes = \"65536\"\n").spool.max_bytes, 65536U);
  EXPECT_EQ(good("[spool]\nmax_bytes = \"64KiB\"\n").spool.max_bytes, 65536U);
  for (const char* wrong :
       {"\"5\"", "\"-5s\"", "\"5 s\"", "\"1.5s\"", "\"5S\"", "\"\"", "\"99999999999999999999s\"",
        "\"18446744073709551615d\"", "\"2d\"", "\"10ms\"", "5", "5.0", "1979-05-27", "[\"5s\"]", "true"}) {
    EXPECT_THAT(
        fault_of("[failover]\ndps_timeout = " + std::string(wrong) + "\n"),
        AllOf(StartsWith("iotc-ha.conf:7: failover.dps_timeout: expected a time"), HasSubstr("from 100ms to 1d")))
        << wrong;
  }
  EXPECT_THAT(fault_of("[hub]\nkeep_alive = \"1500ms\"\n"), HasSubstr("whole seconds"));
  EXPECT_THAT(fault_of("[hub]\ntoken_life = \"4s\"\n"), HasSubstr("from 5s to 1d"));
  for (const char* wrong : {"\"256MB\"", "\"16777216TiB\"", "\"1\"", "1048576", "\"MiB\""}) {
    EXPECT_THAT(fault_of("[spool]\nmax_bytes = " + std::string(wrong) + "\n"),
                AllOf(StartsWith("iotc-ha.conf:7: spool.max_bytes: expected a size"), HasSubstr("from 64KiB to 1TiB")))
        << wrong;
  }
}

TEST(Config, NamesAreHeldAgainstTheRulesOfAzure) {
  const auto with = [](const std::string& id, const std::string& scope) {
    const ConfigDir dir;
    dir.main("[device]\nid = \"" + id + "\"\n[provisioning]\nid_scope = \"" + scope + "\"\ngroup_symmetric_key = \"" +
             std::string(k_group_key) + "\"\n");
    const auto faults = dir.faults();
    return faults.empty() ? std::string() : faults.front();
  };
  for (const std::string& id : {std::string("a"), std::string("a-b.c_d:e-"), std::string(128, 'x')}) {
    EXPECT_EQ(with(id, "0ne00ABCDEF"), "") << id;
  }
  for (const std::string& id :
       {std::string("a."), std::string("a b"), std::string("é"), std::string(129, 'x'), std::string("a/b")}) {
    EXPECT_THAT(with(id, "0ne00ABCDEF"), HasSubstr("expected a registration id")) << id;
  }
  EXPECT_THAT(with("Dev1", "0ne00ABCDEF"), HasSubstr("expected lower case only"));
  for (const char* scope : {"ne00ABCDEF", "0ne", "0ne00ABC EF", "https://0ne00"}) {
    EXPECT_THAT(with("a", scope), HasSubstr("expected an ID scope")) << scope;
  }
  for (const char* model : {"dtmi:Sample:Failover", "Sample:Failover;1", "dtmi:;1", "dtmi:a:;1", "dtmi:a_;1",
                            "dtmi:a;0", "dtmi:1a;1", "dtmi:a;1;2", ""}) {
    const ConfigDir dir;
    dir.main(minimal());
    dir.drop_in("m.conf", "[device]\nmodel_id = \"" + std::string(model) + "\"\n");
    EXPECT_THAT(dir.faults(), ElementsAre(HasSubstr("m.conf:2: device.model_id: expected a model id"))) << model;
  }
}

TEST(Config, HostProxyPortAndTrustStoreAreChecked) {
  const auto provisioning = [](const std::string& line) {
    return fault_of(line + "\n");
  };  // minimal() ends in that table
  for (const char* host :
       {"", "https://dps.example", "dps.example:443", "dps..example", "-dps", "dps.example/x", "d ps"}) {
    EXPECT_THAT(provisioning("host = \"" + std::string(host) + "\""),
                StartsWith("iotc-ha.conf:6: provisioning.host: expected a host name alone"))
        << host;
  }
  for (const char* port : {"0", "65536", "-1", "\"443\"", "9223372036854775807"}) {
    EXPECT_THAT(provisioning("port = " + std::string(port)), HasSubstr("between 1 and 65535")) << port;
  }
  for (const char* proxy :
       {"proxy:3128", "https://proxy:3128", "http://proxy", "http://proxy:0", "http://proxy:3128/",
        "http://hunter2@proxy:3128", "http://:hunter2@proxy:3128", "http://user:@proxy:3128",
        "http://user:hunter2/@proxy:3128", "http://user:hunter2%4@proxy:3128", "http://user:hunter2%0d@proxy:3128",
        "http://user:hun:ter2@proxy:3128", "http://user@hunter2:x@proxy:3128", "https://user:hunter2@proxy:3128"}) {
    EXPECT_THAT(
        fault_of("[hub]\nproxy = \"" + std::string(proxy) + "\"\n"),
        AllOf(StartsWith("iotc-ha.conf:7: hub.proxy: expected \"http://host:port\""), Not(HasSubstr("hunter2"))))
        << proxy;
  }
  const ConfigDir dir;
  const std::string no_pem = dir.write("empty.pem", "nothing").string();
  EXPECT_THAT(fault_of("[hub]\nca_file = \"ca.pem\"\n"), HasSubstr("expected the absolute path"));
  EXPECT_THAT(fault_of("[hub]\nca_file = \"/no/such.pem\"\n"), HasSubstr("/no/such.pem: cannot be read: No such file"));
  EXPECT_THAT(fault_of("[hub]\nca_file = \"" + no_pem + "\"\n"), HasSubstr("there is none in"));
}

TEST(Config, WhatTheContractKnowsButThisVersionCannotDoSaysSo) {
  EXPECT_THAT(fault_of("certificate_file = \"/etc/ssl/device.pem\"\n"),
              HasSubstr("provisioning.certificate_file: certificates are not available in this version"));
}

TEST(Config, ExactlyOneKeyIsNeeded) {
  EXPECT_THAT(fault_of("symmetric_key = \"" + std::string(k_device_key) + "\"\n"),
              StartsWith("iotc-ha.conf:6: provisioning.symmetric_key: expected either this or group_symmetric_key"));
  const ConfigDir dir;
  dir.main("[device]\nid = \"a\"\n[provisioning]\nid_scope = \"0ne00ABCDEF\"\n");
  EXPECT_THAT(dir.faults(),
              ElementsAre(StartsWith("iotc-ha.conf: provisioning.group_symmetric_key: not filled in yet")));
}

TEST(Config, AKeyIsBase64Of16To64Bytes) {
  const auto with_key = [](const std::string& key) {
    const ConfigDir dir;
    dir.main("[device]\nid = \"a\"\n[provisioning]\nid_scope = \"0ne00ABCDEF\"\ngroup_symmetric_key = \"" + key +
             "\"\n");
    return dir.faults();
  };
  EXPECT_THAT(with_key("AAECAwQFBgcICQoLDA0ODw=="), IsEmpty());  // 16 bytes
  for (const std::string& key :
       {std::string("AAECAwQFBgcICQoLDA0O"), std::string(k_group_key.substr(0, 86)), std::string(k_group_key) + "AAAA",
        std::string(" ") + std::string(k_group_key), std::string("not base64, but long enough!")}) {
    EXPECT_THAT(with_key(key),
                ElementsAre(AllOf(StartsWith("iotc-ha.conf:5: provisioning.group_symmetric_key: expected a key"),
                                  Not(HasSubstr(key.substr(0, 8))))))
        << key;
  }
}

TEST(Config, AFileWithAKeyMayNotBeOpenToOthers) {
  const ConfigDir dir;
  dir.main(minimal(), 0644);
  EXPECT_THAT(dir.faults(),
              ElementsAre(AllOf(StartsWith("iotc-ha.conf:5: provisioning.group_symmetric_key: this file holds a key"),
                                HasSubstr("mode 0644"), HasSubstr("chmod 0640 iotc-ha.conf"))));
  dir.main(minimal(), 0640);
  EXPECT_THAT(dir.faults(), IsEmpty());
}

TEST(Config, AFileWithThePasswordOfAProxyMayNotBeOpenToOthers) {
  const ConfigDir dir;
  dir.main(minimal());
  dir.drop_in("proxy.conf", "[hub]\nproxy = \"http://user:hunter2@proxy:3128\"\n", 0644);
  EXPECT_THAT(dir.faults(), ElementsAre(AllOf(StartsWith("iotc-ha.conf.d/proxy.conf:2: hub.proxy: this file holds a "
                                                         "password"),
                                              HasSubstr("chmod 0640"), Not(HasSubstr("hunter2")))));
  dir.drop_in("proxy.conf", "[hub]\nproxy = \"http://proxy:3128\"\n", 0644);
  EXPECT_THAT(dir.faults(), IsEmpty());
}

TEST(Config, DropInsAreReadInTheOrderOfTheirNamesAndTheLastWins) {
  const ConfigDir dir;
  dir.main(minimal("[hub]\nkeep_alive = \"10s\"\n"));
  dir.drop_in("20.conf", "[hub]\nkeep_alive = \"20s\"\n", 0644);
  dir.drop_in("15.conf", "hub = { keep_alive = \"15s\", token_life = \"20min\" }\n", 0644);
  dir.drop_in("30.conf.off", "[hub]\nkeep_alive = \"wrong\"\n", 0644);
  ASSERT_THAT(dir.faults(), IsEmpty());
  EXPECT_EQ(dir.load()->hub.keep_alive, 20s);
  EXPECT_EQ(dir.load()->hub.token_life, 20min);
}

TEST(Config, ADropInCanFillInWhatTheMainFileLeavesEmpty) {
  const ConfigDir dir;
  dir.main("[device]\nid = \"\"\n[provisioning]\nid_scope = \"\"\ngroup_symmetric_key = \"\"\n", 0644);
  dir.drop_in("device.conf", "[device]\nid = \"a\"\n[provisioning]\nid_scope = \"0ne00ABCDEF\"\nsymmetric_key = \"" +
                                 std::string(k_device_key) + "\"\n");
  ASSERT_THAT(dir.faults(), IsEmpty());
  EXPECT_EQ(std::get<DeviceKey>(dir.load()->provisioning.attestation).base64.reveal(), k_device_key);
}

TEST(Config, ADropInDirectoryThatCannotBeReadIsAFault) {
  const ConfigDir dir;
  dir.main(minimal());
  dir.write("iotc-ha.conf.d", "a file, not a directory");
  EXPECT_THAT(dir.faults(), ElementsAre("iotc-ha.conf.d: cannot be read: Not a directory"));
}

TEST(Config, ACredentialWinsOverTheKeyInTheFile) {
  ConfigDir dir;
  dir.main(minimal());
  dir.credential("group_symmetric_key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
  dir.credential("something_else", "not ours");
  ASSERT_THAT(dir.faults(), IsEmpty());
  EXPECT_EQ(std::get<GroupKey>(dir.load()->provisioning.attestation).base64.reveal(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
}

TEST(Config, AFaultyCredentialIsReportedAtItsOwnFile) {
  ConfigDir dir;
  dir.main(minimal());
  dir.credential("group_symmetric_key", "tooshort");
  EXPECT_THAT(
      dir.faults(),
      ElementsAre(AllOf(StartsWith("credentials/group_symmetric_key: provisioning.group_symmetric_key: expected a key"),
                        Not(HasSubstr("tooshort")))));
  dir.credential("group_symmetric_key", "\n");
  EXPECT_THAT(dir.faults(), ElementsAre(HasSubstr("this credential is empty")));
}

}  // namespace
}  // namespace iotc_ha::config
