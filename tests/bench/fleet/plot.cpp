#include "plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace iotc_ha::bench {
namespace {

constexpr double k_left = 70;
constexpr double k_width = 620;
constexpr double k_height = 260;
constexpr double k_top = 50;
constexpr double k_second_top = k_top + k_height + 60;
constexpr std::size_t k_colours = 6;

// Six hues that stay apart for eyes that see fewer colours, a shade darker on white than on black; dashes tell the
// lines apart where they run one over the other.
constexpr const char* k_style = R"(<style>
  :root { color-scheme: light dark; }
  .ground { fill: #ffffff; } text { font: 13px sans-serif; fill: #24292f; }
  .grid { stroke: #d0d7de; } .axis { stroke: #57606a; } .limit { stroke: #57606a; stroke-dasharray: 2 4; }
  .line { fill: none; stroke-width: 2; }
  .c0 { stroke: #0550ae; } .c1 { stroke: #1a7f37; } .c2 { stroke: #bc4c00; stroke-dasharray: 9 3; }
  .c3 { stroke: #8250df; stroke-dasharray: 6 3; } .c4 { stroke: #bf3989; stroke-dasharray: 3 3; }
  .c5 { stroke: #7d5a00; stroke-dasharray: 9 3 2 3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } text { fill: #e6edf3; }
    .grid { stroke: #30363d; } .axis { stroke: #8b949e; } .limit { stroke: #8b949e; }
    .c0 { stroke: #58a6ff; } .c1 { stroke: #3fb950; } .c2 { stroke: #ff9b50; } .c3 { stroke: #bc8cff; }
    .c4 { stroke: #ff7bc8; } .c5 { stroke: #d9b44a; }
  }
</style>
)";

[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...) {
  std::array<char, 400> line{};
  std::va_list values;
  va_start(values, format);
  std::vsnprintf(line.data(), line.size(), format, values);
  va_end(values);
  return line.data();
}

double minutes(std::size_t samples) {
  return static_cast<double>(samples) * std::chrono::duration<double, std::ratio<60>>(Fleet::k_sample).count();
}

struct Axis {
  double minutes_shown;
  [[nodiscard]] double x(double minutes) const { return k_left + minutes / minutes_shown * k_width; }
};

std::string grid_of_minutes(const Axis& axis, double top) {
  std::string svg;
  const double pitch = axis.minutes_shown > 120 ? 30 : axis.minutes_shown > 45 ? 15 : 5;
  for (double at = 0; at <= axis.minutes_shown; at += pitch) {
    svg += text("<line class='grid' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", axis.x(at), top, axis.x(at),
                top + k_height);
    svg += text("<text x='%.1f' y='%.1f' text-anchor='middle'>%.0f</text>\n", axis.x(at), top + k_height + 18, at);
  }
  svg += text("<text x='%.1f' y='%.1f' text-anchor='end'>min</text>\n", k_left + k_width + 40, top + k_height + 18);
  return svg;
}

std::string mark(const char* label, double top, double y) {
  return text("<line class='grid' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", k_left, top + y, k_left + k_width,
              top + y) +
         text("<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n", k_left - 8, top + y + 4, label);
}

/// `y_of(outcome, i)`: the height of the i-th sample.
template <typename Y>
std::string curves(const std::vector<Line>& lines, const Axis& axis, double top, Y y_of) {
  std::string svg;
  for (std::size_t i = lines.size(); i-- > 0;) {  // the first is the one to be seen
    svg += text("<polyline class='line c%zu' points='", i % k_colours);
    const Outcome& outcome = lines[i].outcome;
    const auto shown =
        std::min(outcome.connected.size(), static_cast<std::size_t>(axis.minutes_shown / minutes(1)) + 1);
    for (std::size_t n = 0; n < shown; ++n) svg += text("%.1f,%.1f ", axis.x(minutes(n)), top + y_of(outcome, n));
    svg += "'/>\n";
  }
  return svg;
}

std::string asked_panel(const Scenario& scenario, const std::vector<Line>& lines, const Axis& axis) {
  constexpr double k_decades = 6;  // 0.1 a second to 100,000
  const auto height = [](double per_second) {
    return k_height * (1 - (std::log10(std::max(per_second, 0.1)) + 1) / k_decades);
  };
  std::string svg =
      text("<text x='%.1f' y='%.1f'>register requests that DPS gets, a second</text>\n", k_left, k_second_top - 12);
  svg += grid_of_minutes(axis, k_second_top);
  for (const auto& [label, value] : std::initializer_list<std::pair<const char*, double>>{{"0.1", 0.1},
                                                                                          {"1", 1},
                                                                                          {"10", 10},
                                                                                          {"100", 100},
                                                                                          {"1,000", 1'000},
                                                                                          {"10,000", 10'000},
                                                                                          {"100,000", 100'000}}) {
    svg += mark(label, k_second_top, height(value));
  }
  const double allowed = height(scenario.registrations_per_minute / 60.0);
  svg += text("<line class='limit' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", k_left, k_second_top + allowed,
              k_left + k_width, k_second_top + allowed);
  svg += text("<text x='%.1f' y='%.1f'>taken</text>\n", k_left + k_width + 8, k_second_top + allowed + 4);
  const double span = std::chrono::duration<double>(Fleet::k_sample).count();
  return svg + curves(lines, axis, k_second_top, [&](const Outcome& outcome, std::size_t n) {
           return std::max(0.0, height(outcome.asked[n] / span));
         });
}

}  // namespace

std::string plot(const Scenario& scenario, const std::vector<Line>& lines) {
  const double limit = scenario.limit().count() / 60;
  double longest = limit;
  for (const Line& line : lines) longest = std::max(longest, minutes(line.outcome.connected.size()));
  const Axis axis{std::min(longest, limit * 2)};
  std::string svg = text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %.0f %.0f' role='img'>\n",
                         k_left + k_width + 150, k_second_top + k_height + 40);
  svg += text("<title>%u devices lose their hub: how many are connected, over time</title>\n", scenario.devices);
  svg += k_style;
  svg += "<rect class='ground' width='100%' height='100%'/>\n";
  svg += text("<text x='%.1f' y='%.1f'>devices connected, %%</text>\n", k_left, k_top - 12);
  svg += grid_of_minutes(axis, k_top);
  for (const auto& [label, part] : std::initializer_list<std::pair<const char*, double>>{
           {"0", 0}, {"25", 0.25}, {"50", 0.5}, {"75", 0.75}, {"100", 1}}) {
    svg += mark(label, k_top, k_height * (1 - part));
  }
  svg += text("<line class='limit' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", axis.x(0), k_top + k_height,
              axis.x(limit), k_top);
  svg += text("<text x='%.1f' y='%.1f' text-anchor='end'>the limit</text>\n", axis.x(limit) - 12, k_top + 14);
  svg += curves(lines, axis, k_top, [&](const Outcome& outcome, std::size_t n) {
    return k_height * (1 - static_cast<double>(outcome.connected[n]) / scenario.devices);
  });
  svg += asked_panel(scenario, lines, axis);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double y = k_top + 20 + 22 * static_cast<double>(i);
    svg += text("<line class='line c%zu' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>", i % k_colours,
                k_left + k_width + 16, y, k_left + k_width + 46, y);
    svg += text("<text x='%.1f' y='%.1f'>%s</text>\n", k_left + k_width + 52, y + 4, lines[i].name.c_str());
  }
  return svg + "</svg>\n";
}

}  // namespace iotc_ha::bench
