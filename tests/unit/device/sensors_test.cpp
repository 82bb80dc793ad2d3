#include "../comma_locale.hpp"

#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/device/sample.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

namespace iotc_ha::device {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t k_seed = 7;

/// A /sys of our own. Real ones differ from machine to machine; the files in it are of the same form.
class SensorsOnAMachine : public testing::Test {
 public:
  SensorsOnAMachine() {
    std::string folder = (fs::temp_directory_path() / "sys-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder");
    sys_ = folder;
  }
  ~SensorsOnAMachine() override {
    std::error_code ignored;
    fs::remove_all(sys_, ignored);
  }

 protected:
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((sys_ / file).parent_path());
    std::ofstream(sys_ / file) << text << '\n';
  }

  fs::path sys_;
};

TEST_F(SensorsOnAMachine, WithoutAnySensorEverythingIsSimulatedAndSaidToBe) {
  Sensors sensors(sys_, k_seed);
  EXPECT_EQ(sensors.sources(), "temp: simulated; humidity: simulated; battery: simulated");
  EXPECT_TRUE(sensors.temp().simulated);
  EXPECT_TRUE(sensors.humidity().simulated);
  EXPECT_TRUE(sensors.battery().simulated);
}

TEST_F(SensorsOnAMachine, AThermalZoneGivesTheTemperatureInMillidegrees) {
  write("class/thermal/thermal_zone0/temp", "48250");
  write("class/thermal/thermal_zone0/type", "x86_pkg_temp");
  Sensors sensors(sys_, k_seed);
  EXPECT_EQ(sensors.temp().value, 48.25);
  EXPECT_FALSE(sensors.temp().simulated);
  EXPECT_EQ(sensors.sources(), "temp: thermal_zone0 (x86_pkg_temp); humidity: simulated; battery: simulated");
}

TEST_F(SensorsOnAMachine, TheFirstZoneByNumberThatAnswersSenseIsUsed) {
  write("class/thermal/thermal_zone0/temp", "-274000");
  write("class/thermal/thermal_zone1/temp", "warm");
  write("class/thermal/thermal_zone2/temp", "-5500");
  write("class/thermal/thermal_zone10/temp", "30000");
  fs::create_directories(sys_ / "class/thermal/thermal_zone3");
  Sensors sensors(sys_, k_seed);
  EXPECT_EQ(sensors.temp().value, -5.5);
  EXPECT_EQ(sensors.sources(), "temp: thermal_zone2; humidity: simulated; battery: simulated");
}

TEST_F(SensorsOnAMachine, HwmonGivesTheTemperatureWhereThereIsNoZone) {
  write("class/thermal/cooling_device0/temp", "1000");
  write("class/hwmon/hwmon0/name", "nct6775");
  write("class/hwmon/hwmon0/fan1_input", "900");
  write("class/hwmon/hwmon1/name", "coretemp");
  write("class/hwmon/hwmon1/temp1_max", "99000");
  write("class/hwmon/hwmon1/temp1_input", "41000");
  Sensors sensors(sys_, k_seed);
  EXPECT_EQ(sensors.temp().value, 41.0);
  EXPECT_EQ(sensors.sources(), "temp: hwmon1 (coretemp); humidity: simulated; battery: simulated");
}

TEST_F(SensorsOnAMachine, TheBatteryIsTheMachinesOwnNotThatOfItsMouse) {
  write("class/power_supply/AC/type", "Mains");
  write("class/power_supply/AC/capacity", "1");
  write("class/power_supply/BAT0/type", "Battery");
  write("class/power_supply/BAT0/capacity", "83");
  write("class/power_supply/BAT0/model_name", "DELL \x01 7XY");
  write("class/power_supply/A/type", "Battery");
  write("class/power_supply/A/scope", "Device");
  write("class/power_supply/A/capacity", "5");
  Sensors sensors(sys_, k_seed);
  EXPECT_EQ(sensors.battery().value, 83.0);
  EXPECT_FALSE(sensors.battery().simulated);
  EXPECT_EQ(sensors.sources(), "temp: simulated; humidity: simulated; battery: BAT0 (DELL ? 7XY)");
}

TEST_F(SensorsOnAMachine, ABatteryThatAnswersNonsenseIsNotBelieved) {
  for (const char* capacity : {"101", "-1", "", "50%", "99999999999999999999"}) {
    write("class/power_supply/BAT0/type", "Battery");
    write("class/power_supply/BAT0/capacity", capacity);
    EXPECT_TRUE(Sensors(sys_, k_seed).battery().simulated) << capacity;
  }
}

TEST_F(SensorsOnAMachine, ASensorThatGoesAndComesBackChangesTheSource) {
  Sensors sensors(sys_, k_seed);
  write("class/thermal/thermal_zone0/temp", "20000");
  EXPECT_FALSE(sensors.temp().simulated);
  fs::remove(sys_ / "class/thermal/thermal_zone0/temp");
  EXPECT_TRUE(sensors.temp().simulated);
  write("class/thermal/thermal_zone0/temp", "21000");
  EXPECT_EQ(sensors.temp().value, 21.0);
}

TEST_F(SensorsOnAMachine, TheSimulatedWalkMovesInSmallStepsAndStaysWithinItsBounds) {
  Sensors sensors(sys_, k_seed);
  const auto expect_walk = [](auto read, double low, double high, double stride) {
    double last = read().value;
    double least = last;
    double most = last;
    for (int i = 0; i < 100'000; ++i) {
      const double value = read().value;
      ASSERT_LE(std::abs(value - last), stride);
      least = std::min(least, value);
      most = std::max(most, value);
      last = value;
    }
    EXPECT_GE(least, low);
    EXPECT_LE(most, high);
    EXPECT_GT(most - least, (high - low) / 4) << "it does not wander";
  };
  expect_walk([&] { return sensors.temp(); }, 15, 30, 0.3);
  expect_walk([&] { return sensors.humidity(); }, 30, 60, 0.5);
  expect_walk([&] { return sensors.battery(); }, 20, 100, 0.2);
}

TEST_F(SensorsOnAMachine, TheSeedDecidesTheWalk) {
  Sensors one(sys_, 1);
  Sensors same(sys_, 1);
  Sensors other(sys_, 2);
  const double value = one.humidity().value;
  EXPECT_EQ(same.humidity().value, value);
  EXPECT_NE(other.humidity().value, value);
}

TEST(Bodies, AreJsonNumbersWithOneDecimal) {
  EXPECT_EQ(telemetry_body({21.46, false}, {40.25, true}), R"({"temp":21.5,"humidity":40.2})");
  EXPECT_EQ(telemetry_body({-0.04, false}, {100, true}), R"({"temp":0.0,"humidity":100.0})");
  EXPECT_EQ(telemetry_body({-12.34, false}, {0, true}), R"({"temp":-12.3,"humidity":0.0})");
  EXPECT_EQ(battery_patch({60.6, false}), R"({"battery":60.6})");
}

TEST(Bodies, HaveAPointInALocaleWithAComma) {
  const test::CommaLocale comma;
  EXPECT_EQ(telemetry_body({21.5, false}, {1040.2, true}), R"({"temp":21.5,"humidity":1040.2})");
  EXPECT_EQ(battery_patch({60.6, false}), R"({"battery":60.6})");
}

TEST(Bodies, NeverHoldANumberThatJsonDoesNotHave) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(telemetry_body({nan, false}, {40.2, true}), R"({"humidity":40.2})");
  EXPECT_EQ(telemetry_body({nan, false}, {infinity, true}), "{}");
  EXPECT_EQ(battery_patch({-infinity, false}), "{}");
  EXPECT_TRUE(azure::compact_json(
      telemetry_body({std::numeric_limits<double>::max(), false}, {std::numeric_limits<double>::lowest(), false})));
}

}  // namespace
}  // namespace iotc_ha::device
