#include "caller.hpp"
#include "peer.hpp"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace iotc_ha::cli {
namespace {

using bus::Desk;
using bus::Service;
using testing::IsEmpty;
using Json = nlohmann::json;
namespace fs = std::filesystem;

/// An example, as it is installed, with somebody at the other end who answers as the daemon does.
class ExampleTest : public PeerTest, public testing::WithParamInterface<const char*> {
 public:
  ExampleTest() {
    setenv("DBUS_SYSTEM_BUS_ADDRESS", bus_.address().c_str(), 1);
    static const std::string path = fs::path(IOTC_HACTL).parent_path().string() + ":" + getenv("PATH");
    setenv("PATH", path.c_str(), 1);
    example_.emplace(std::vector<std::string>{GetParam()});
  }
  ~ExampleTest() override { unsetenv("DBUS_SYSTEM_BUS_ADDRESS"); }

 protected:
  bool desk(const std::function<bool(const Desk&)>& condition) {
    return bus::eventually([&] {
      bool holds = false;
      served_->on_loop([&](Service& /*service*/) { holds = condition(served_->desk); });
      return holds;
    });
  }
  bool has_claimed() {
    return desk([](const Desk& desk) { return desk.properties.size() == 1 && desk.commands.size() == 2; });
  }
  bool has_reported(const std::string& name, const Json& value) {
    return desk([&](const Desk& desk) {
      for (const std::string& patch : desk.patches) {
        const Json component = Json::parse(patch)["thermostat"];
        if (component["__t"] == "c" && component.contains(name) && component[name] == value) return true;
      }
      return false;
    });
  }
  int code_for_target(const std::string& value, std::uint64_t version) {
    served_->on_loop([&](Service& service) {
      service.desired_changed(served_->desk.properties.at("thermostat*target"),
                              R"({"thermostat":{"__t":"c","target":)" + value + "}}", version);
    });
    int code = 0;
    EXPECT_TRUE(desk([&](const Desk& desk) {
      if (desk.acknowledged.empty() || desk.acknowledged.back().what.version != version) return false;
      EXPECT_EQ(desk.acknowledged.back().what.name, "thermostat*target");
      EXPECT_EQ(desk.acknowledged.back().what.json_value, value);
      code = desk.acknowledged.back().what.code;
      return true;
    }));
    return code;
  }
  Desk::Completed answer_of(std::uint64_t id, const std::string& name) {
    served_->on_loop([&](Service& service) {
      service.invoked(served_->desk.commands.at("thermostat*" + name), {id, name, "thermostat", "null", false});
    });
    Desk::Completed completed{};
    EXPECT_TRUE(desk([&](const Desk& desk) {
      if (desk.completed.empty() || desk.completed.back().id != id) return false;
      completed = desk.completed.back();
      return true;
    }));
    return completed;
  }

  std::optional<Program> example_;
};

TEST_P(ExampleTest, DoesWhatItShows) {
  ASSERT_TRUE(has_claimed()) << example_->line().value_or("");
  EXPECT_TRUE(has_reported("serial", "T-1000"));
  EXPECT_TRUE(bus::eventually([&] { return !bodies().empty(); }));
  EXPECT_EQ(shelf([](const bus::Shelf& shelf) { return shelf.messages.at(0).component; }), "thermostat");
  EXPECT_EQ(code_for_target("21.5", 7), 200);
  EXPECT_GE(code_for_target("\"warm\"", 8), 400);
  const auto reset = answer_of(1, "reset");
  EXPECT_EQ(reset.status, 200);
  EXPECT_EQ(reset.payload, R"("done")");
  const auto calibrate = answer_of(2, "calibrate");
  EXPECT_EQ(calibrate.status, 202);
  EXPECT_EQ(calibrate.payload, R"("begun")");
  EXPECT_TRUE(has_reported("calibrated", true));
}

TEST_P(ExampleTest, AnswersNobodyButTheDaemon) {
  ASSERT_TRUE(has_claimed());
  std::string name;
  served_->on_loop([&](Service& /*service*/) { name = served_->desk.commands.at("thermostat*reset"); });
  bus::Caller forger(bus_);
  forger.emit_to(name, "/io/github/iotc_ha", "io.github.iotc_ha.Commands1", "Invoked", "tsssb", std::uint64_t{6},
                 "reset", "thermostat", "null", 0);
  forger.emit_to(name, "/io/github/iotc_ha", "io.github.iotc_ha.Twin1", "DesiredChanged", "st",
                 R"({"thermostat":{"__t":"c","target":6}})", std::uint64_t{6});
  ASSERT_EQ(forger.call("GetAccount", "").error, "") << "the bus has what was sent before";
  EXPECT_EQ(answer_of(1, "reset").status, 200);
  EXPECT_EQ(code_for_target("21.5", 7), 200);
  served_->on_loop([&](Service& /*service*/) {
    EXPECT_EQ(served_->desk.completed.size(), 1U);
    EXPECT_EQ(served_->desk.acknowledged.size(), 1U);
  });
}

TEST_P(ExampleTest, ServesADaemonThatIsStartedAgain) {
  ASSERT_TRUE(has_claimed());
  served_.reset();
  served_.emplace(bus_.address());
  ASSERT_TRUE(has_claimed());
  EXPECT_EQ(answer_of(1, "reset").status, 200);
}

std::string language_of(const testing::TestParamInfo<const char*>& info) {
  const std::string kind = fs::path(info.param).extension();
  return kind == ".py" ? "Python" : kind == ".sh" ? "Shell" : "Cpp";
}

INSTANTIATE_TEST_SUITE_P(InEachLanguage, ExampleTest,
                         testing::Values(IOTC_HA_EXAMPLES "/thermostat.py", IOTC_HA_EXAMPLES "/thermostat.sh",
                                         IOTC_HA_EXAMPLE_CPP),
                         language_of);

}  // namespace
}  // namespace iotc_ha::cli
