#include <iotc_ha/azure/json.hpp>
#include <iotc_ha/azure/text.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>

namespace iotc_ha::azure {
namespace {

/// Writes what the parser reads, event by event: without a tree there is nothing that could overflow the stack, and a
/// number can keep the digits that it came with. With `split`, the members of the outermost object are kept apart.
class Rewriter {
 public:
  explicit Rewriter(bool split) : split_(split) {}

  // The names and signatures of nlohmann::json_sax. False ends the parsing.
  bool null() { return value("null"); }
  bool boolean(bool truth) { return value(truth ? "true" : "false"); }
  bool number_integer(std::int64_t number) { return value(std::to_string(number)); }
  bool number_unsigned(std::uint64_t number) { return value(std::to_string(number)); }
  bool number_float(double /*rounded*/, const std::string& digits) {
    std::string text = digits;
    // The library hands the digits over with the decimal point of the C locale that is set.
    for (char& c : text) {
      if (std::string_view("0123456789+-eE").find(c) == std::string_view::npos) c = '.';
    }
    return value(text);
  }
  bool string(const std::string& text) { return value(nlohmann::json(text).dump()); }
  bool binary(const std::vector<std::uint8_t>& /*never in text*/) { return false; }

  bool start_object(std::size_t /*unknown*/) {
    if (depth_ == 0 && split_) return open("");
    return open("{");
  }
  bool key(const std::string& name) {
    if (depth_ == 1 && split_) {
      start_member(name);
    } else {
      separate();
      *out_ += nlohmann::json(name).dump() + ':';
    }
    return true;
  }
  bool end_object() {
    --depth_;
    if (depth_ > 0 || !split_) *out_ += '}';
    return true;
  }
  bool start_array(std::size_t /*unknown*/) {
    if (depth_ == 0 && split_) return refuse_scalar();
    return open("[");
  }
  bool end_array() {
    --depth_;
    *out_ += ']';
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::json::exception& error) {
    // 406: a number that no double can hold. The library's other texts begin with a tag and repeat the position.
    refusal_ = error.id == 406 ? "it holds a number beyond the range of a double"
                               : "it is not JSON (byte " + std::to_string(position) + ")";
    return false;
  }

  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] std::string take_text() && { return std::move(text_); }
  [[nodiscard]] std::vector<JsonMember> take_members() && { return std::move(members_); }

 private:
  bool value(std::string_view json) {
    if (depth_ == 0 && split_) return refuse_scalar();
    separate();
    *out_ += json;
    return true;
  }
  bool open(std::string_view bracket) {
    if (depth_ == k_max_json_depth) {
      refusal_ = "it is nested deeper than " + std::to_string(k_max_json_depth) + " levels";
      return false;
    }
    if (!bracket.empty()) separate();
    *out_ += bracket;
    ++depth_;
    return true;
  }
  bool refuse_scalar() {
    refusal_ = "it is not a JSON object";
    return false;
  }
  void separate() {
    // No value ends in one of these three: strings end in a quote.
    if (!out_->empty() && std::string_view("[{:").find(out_->back()) == std::string_view::npos) *out_ += ',';
  }
  void start_member(const std::string& name) {
    const auto [place, is_new] = places_.try_emplace(name, members_.size());
    if (is_new) members_.push_back({name, {}});
    out_ = &members_[place->second].json;
    out_->clear();
  }

  bool split_;
  int depth_ = 0;
  std::string text_;
  std::vector<JsonMember> members_;
  std::map<std::string, std::size_t> places_;  // of each name in members_
  std::string* out_ = &text_;
  std::string refusal_;
};

tl::unexpected<core::Error> refuse(const Rewriter& rewriter) {
  return core::fail(core::Fault::InvalidPayload, rewriter.refusal());
}

}  // namespace

core::Result<std::string> compact_json(std::string_view text) {
  Rewriter rewriter(false);
  if (!nlohmann::json::sax_parse(text, &rewriter)) return refuse(rewriter);
  return std::move(rewriter).take_text();
}

core::Result<std::vector<JsonMember>> members_of_object(std::string_view text) {
  Rewriter rewriter(true);
  if (!nlohmann::json::sax_parse(text, &rewriter)) return refuse(rewriter);
  return std::move(rewriter).take_members();
}

core::Result<std::string> quote_json(std::string_view text) {
  if (!is_utf8(text)) return core::fail(core::Fault::InvalidPayload, "'" + one_line(text) + "' is not UTF-8");
  return nlohmann::json(text).dump();
}

}  // namespace iotc_ha::azure
