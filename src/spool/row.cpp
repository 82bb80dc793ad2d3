#include "row.hpp"

#include <zlib.h>

#include <string_view>
#include <utility>

namespace iotc_ha::spool {
namespace {

void put(std::string& bytes, std::uint64_t number, int width) {
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<char>(number >> (8U * static_cast<unsigned>(i))));
}

std::uint64_t checksum(std::uint64_t before, std::string_view bytes) {
  return crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

template <typename Time>
std::uint64_t unsigned_microseconds(Time time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

std::optional<std::string> take_text(std::string_view& rest) {
  if (rest.size() < 4) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= static_cast<std::size_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
  rest.remove_prefix(4);
  if (rest.size() < size) return std::nullopt;
  std::string text(rest.substr(0, size));
  rest.remove_prefix(size);
  return text;
}

}  // namespace

const std::string k_row_columns =
    "sequence, boot, created, accepted, uptime, bytes, checksum, message_id, component, properties, body";

std::string encode(const core::Properties& properties) {
  std::string bytes;
  for (const auto& [key, value] : properties) {
    for (const std::string* text : {&key, &value}) {
      put(bytes, text->size(), 4);
      bytes += *text;
    }
  }
  return bytes;
}

std::optional<core::Properties> decode(const std::string& bytes) {
  core::Properties properties;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    auto key = take_text(rest);
    auto value = take_text(rest);
    if (!key || !value) return std::nullopt;
    properties.emplace_back(std::move(*key), std::move(*value));
  }
  return properties;
}

std::uint64_t crc_of(std::initializer_list<std::uint64_t> numbers, std::initializer_list<std::string_view> texts) {
  std::string bytes;
  for (const std::uint64_t number : numbers) put(bytes, number, 8);
  std::uint64_t sum = checksum(0, bytes);
  for (const std::string_view text : texts) {
    if (!text.empty()) sum = checksum(sum, text);  // zlib takes a null pointer for a new beginning
  }
  return sum;
}

std::uint64_t checksum_of(const Row& row, const std::string& properties) {
  const core::Telemetry& message = row.message;
  return crc_of({message.sequence, message.boot, unsigned_microseconds(message.created),
                 unsigned_microseconds(row.accepted.wall), unsigned_microseconds(row.accepted.now), row.bytes,
                 message.message_id.size(), message.component.size(), properties.size()},
                {message.message_id, message.component, properties, message.body});
}

std::optional<Row> read_row(const Run& run) {
  Row row;
  row.message.sequence = run.count(0);
  row.message.boot = run.count(1);
  row.message.created = core::WallTime{std::chrono::microseconds{run.integer(2)}};
  row.accepted.wall = core::WallTime{std::chrono::microseconds{run.integer(3)}};
  row.accepted.now = core::Instant{std::chrono::microseconds{run.integer(4)}};
  row.bytes = run.count(5);
  row.message.message_id = run.text(7);
  row.message.component = run.text(8);
  const std::string properties = run.text(9);
  row.message.body = run.text(10);
  if (run.count(6) != checksum_of(row, properties)) return std::nullopt;
  auto decoded = decode(properties);
  if (!decoded) return std::nullopt;
  row.message.properties = std::move(*decoded);
  return row;
}

const std::string k_life_columns =
    "boot, started, clock, last_sequence, accepted, delivered, queued, queued_bytes, kept, kept_bytes, dropped_full,"
    " dropped_expired, dropped_damaged, quarantined, replayed, lives, checksum";

LifeColumns columns_of(const Life& life) {
  const core::Account& account = life.account;
  const auto number = [](std::uint64_t count) { return static_cast<std::int64_t>(count); };
  return {number(account.boot),
          account.started.time_since_epoch().count(),
          life.clock.value_or(std::chrono::microseconds::zero()).count(),
          number(life.last_sequence),
          number(account.accepted),
          number(account.delivered),
          number(account.queued),
          number(life.queued_bytes),
          number(life.kept),
          number(life.kept_bytes),
          number(account.dropped_full),
          number(account.dropped_expired),
          number(account.dropped_damaged),
          number(account.quarantined),
          number(account.replayed),
          number(account.lives)};
}

std::uint64_t checksum_of(const LifeColumns& columns) {
  std::string numbers;
  for (const std::int64_t number : columns) put(numbers, static_cast<std::uint64_t>(number), 8);
  return checksum(0, numbers);
}

std::optional<Life> read_life(const Run& run) {
  LifeColumns columns{};
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = run.integer(static_cast<int>(i));
  if (run.count(static_cast<int>(columns.size())) != checksum_of(columns)) return std::nullopt;
  const auto count = [&](std::size_t column) { return static_cast<std::uint64_t>(columns[column]); };
  Life life;
  life.account.boot = count(0);
  life.account.started = core::WallTime{std::chrono::microseconds{columns[1]}};
  if (columns[2] != 0) life.clock = std::chrono::microseconds{columns[2]};
  life.last_sequence = count(3);
  life.account.accepted = count(4);
  life.account.delivered = count(5);
  life.account.queued = count(6);
  life.queued_bytes = count(7);
  life.kept = count(8);
  life.kept_bytes = count(9);
  life.account.dropped_full = count(10);
  life.account.dropped_expired = count(11);
  life.account.dropped_damaged = count(12);
  life.account.quarantined = count(13);
  life.account.replayed = count(14);
  life.account.lives = count(15);
  return life;
}

}  // namespace iotc_ha::spool
