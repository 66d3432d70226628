#include "framework/io/pickle.hpp"

#include <bit>
#include <limits>
#include <unordered_map>

#include "framework/amount.hpp"
#include "framework/error.hpp"

namespace xtape {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t most_values = 1'000'000;
constexpr std::string_view ordered_dict = "collections.OrderedDict";

}  // namespace

/// The stack machine that a pickle is a program of. Only opcodes that make data are known.
class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, std::function<void(std::string_view)> check_global, Pickle& pickle)
      : bytes_(bytes), check_global_(std::move(check_global)), pickle_(pickle) {}

  void run() {
    check(byte() == 0x80 && number(1) <= 5, "expected a pickle of protocol 2 to 5, got another beginning");
    while (true) {
      const std::size_t at = position_;
      const std::uint8_t opcode = byte();
      if (opcode == '.') break;
      check(step(opcode), "expected a pickle of plain data, got the opcode 0x{:02x} at offset {}", opcode, at);
    }
    pickle_.value_ = pop();
  }

 private:
  using Value = PickleValue*;

  /// Executes one opcode. Returns false if it is not known.
  bool step(std::uint8_t opcode) {
    switch (opcode) {
      case 0x95: number(8); return true;  // FRAME: a hint for reading from a stream
      case '(': marks_.push_back(stack_.size()); return true;
      case 'N': push({}); return true;
      case 0x88: push({.kind = Kind::boolean, .integer = 1}); return true;
      case 0x89: push({.kind = Kind::boolean}); return true;
      case 'J': push_integer(static_cast<std::int32_t>(number(4))); return true;
      case 'K': push_integer(static_cast<std::int64_t>(number(1))); return true;
      case 'M': push_integer(static_cast<std::int64_t>(number(2))); return true;
      case 0x8a: push_long(taken(number(1))); return true;
      case 0x8b: push_long(taken(number(4))); return true;
      case 'G': push({.kind = Kind::real, .real = big_endian_double()}); return true;
      case 0x8c: push_bytes(Kind::text, 1); return true;
      case 'X': push_bytes(Kind::text, 4); return true;
      case 0x8d: push_bytes(Kind::text, 8); return true;
      case 'U': push_bytes(Kind::text, 1); return true;  // texts of Python 2
      case 'T': push_bytes(Kind::text, 4); return true;
      case 'C': push_bytes(Kind::bytes, 1); return true;
      case 'B': push_bytes(Kind::bytes, 4); return true;
      case 0x8e: push_bytes(Kind::bytes, 8); return true;
      case ')': push({.kind = Kind::tuple}); return true;
      case ']': push({.kind = Kind::list}); return true;
      case '}': push({.kind = Kind::dict}); return true;
      case 't': push({.kind = Kind::tuple, .items = marked()}); return true;
      case 0x85:
      case 0x86:
      case 0x87: push({.kind = Kind::tuple, .items = popped(opcode - 0x84)}); return true;
      case 'a': extend(Kind::list, popped(1)); return true;
      case 'e': extend(Kind::list, marked()); return true;
      case 's': extend(Kind::dict, popped(2)); return true;
      case 'u': extend(Kind::dict, marked()); return true;
      case 'q': memo_[number(1)] = top(); return true;
      case 'r': memo_[number(4)] = top(); return true;
      case 0x94: memo_[memo_.size()] = top(); return true;
      case 'h': recall(number(1)); return true;
      case 'j': recall(number(4)); return true;
      case 'c': {
        const std::string_view module = line();
        push_global(module, line());
        return true;
      }
      case 0x93: {
        const Value name = pop(Kind::text), module = pop(Kind::text);
        push_global(module->text, name->text);
        return true;
      }
      case 'Q': push({.kind = Kind::persistent, .items = popped(1)}); return true;
      case 'R': call(); return true;
      case 'b': {
        pop();  // the attributes
        check(top()->kind == Kind::dict, "expected attributes of dictionaries alone, got those of another value");
        return true;
      }
      default: return false;
    }
  }

  std::string_view taken(std::uint64_t count) {
    check(count <= bytes_.size() - position_, "expected {} at offset {}, got the end of the pickle",
          amount(count, "byte"), position_);
    const std::string_view result = bytes_.substr(position_, static_cast<std::size_t>(count));
    position_ += result.size();
    return result;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(taken(1)[0]); }
  /// An unsigned little-endian number.
  std::uint64_t number(std::size_t width) {
    std::uint64_t result = 0;
    const std::string_view bytes = taken(width);
    for (std::size_t i = width; i-- > 0;) result = result << 8 | static_cast<std::uint8_t>(bytes[i]);
    return result;
  }
  double big_endian_double() {
    std::uint64_t bits = 0;
    for (const char c : taken(8)) bits = bits << 8 | static_cast<std::uint8_t>(c);
    return std::bit_cast<double>(bits);
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', position_);
    check(end != std::string_view::npos, "expected a line at offset {}, got the end of the pickle", position_);
    const std::string_view result = taken(end - position_);
    ++position_;
    return result;
  }

  void push(PickleValue value) {
    check(pickle_.values_.size() < most_values, "expected at most {} values in a pickle, got more", most_values);
    stack_.push_back(&pickle_.values_.emplace_back(std::move(value)));
  }
  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .integer = value}); }
  void push_bytes(Kind kind, std::size_t width) { push({.kind = kind, .text = std::string(taken(number(width)))}); }
  /// A signed little-endian number of any length.
  void push_long(std::string_view bytes) {
    if (bytes.size() > 8) return push({.kind = Kind::bytes, .text = std::string(bytes)});
    std::uint64_t value = !bytes.empty() && static_cast<std::int8_t>(bytes.back()) < 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
    push_integer(static_cast<std::int64_t>(value));
  }
  void push_global(std::string_view module, std::string_view name) {
    std::string full = fmt::format("{}.{}", module, name);
    if (full != ordered_dict) check_global_(full);
    push({.kind = Kind::global, .text = std::move(full)});
  }

  /// The lowest position on the stack that belongs to the current mark.
  std::size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }
  Value top() const {
    check(stack_.size() > bottom(), "expected a value on the stack of the pickle at offset {}, got none", position_);
    return stack_.back();
  }
  Value pop() {
    Value value = top();
    stack_.pop_back();
    return value;
  }
  Value pop(Kind kind) {
    Value value = pop();
    check(value->kind == kind, "expected another kind of value at offset {} of the pickle", position_);
    return value;
  }
  /// The last `count` values of the stack.
  std::vector<const PickleValue*> popped(int count) {
    std::vector<const PickleValue*> values(static_cast<std::size_t>(count));
    for (std::size_t i = values.size(); i-- > 0;) values[i] = pop();
    return values;
  }
  /// The values on the stack above the last mark.
  std::vector<const PickleValue*> marked() {
    check(!marks_.empty(), "expected a mark before offset {} of the pickle, got none", position_);
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const PickleValue*> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }
  void extend(Kind kind, const std::vector<const PickleValue*>& items) {
    const Value target = top();
    check(target->kind == kind && (kind != Kind::dict || items.size() % 2 == 0),
          "expected a list or dictionary to extend at offset {} of the pickle", position_);
    target->items.insert(target->items.end(), items.begin(), items.end());
  }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    check(found != memo_.end(), "expected a value with the number {} in the pickle, got none", key);
    stack_.push_back(found->second);
  }

  /// The result of a call is described, not computed, except for OrderedDict() and OrderedDict([[key, value], ...]).
  void call() {
    const Value arguments = pop(Kind::tuple), function = pop(Kind::global);
    if (function->text != ordered_dict) return push({.kind = Kind::call, .items = {function, arguments}});
    PickleValue dict{.kind = Kind::dict};
    if (!arguments->items.empty()) {
      for (const PickleValue* pair : arguments->items[0]->items) {
        check(pair->items.size() == 2 && ++pairs_ <= most_values,
              "expected at most {} pairs as arguments of OrderedDict, got more, or an item of {} values", most_values,
              pair->items.size());
        dict.items.insert(dict.items.end(), pair->items.begin(), pair->items.end());
      }
    }
    push(std::move(dict));
  }

  std::string_view bytes_;
  std::size_t position_ = 0;
  std::function<void(std::string_view)> check_global_;
  Pickle& pickle_;
  std::size_t pairs_ = 0;  // a list of pairs may be an argument many times
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint64_t, Value> memo_;
};

Pickle::Pickle(std::string_view bytes, std::function<void(std::string_view name)> check_global) {
  PickleMachine(bytes, std::move(check_global), *this).run();
}

}  // namespace xtape
