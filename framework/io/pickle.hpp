// Python's pickles as data: a reader that imports nothing and calls nothing. Internal to framework/io.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// A value in a pickle. Pointers lead to values of the same Pickle, possibly in circles.
struct PickleValue {
  /// What the value is.
  enum class Kind {
    none,
    boolean,     ///< `integer` is 0 or 1
    integer,     ///< `integer`; one that needs more than 64 bits is `bytes`
    real,        ///< `real`
    text,        ///< `text`
    bytes,       ///< `text`
    tuple,       ///< `items`
    list,        ///< `items`
    dict,        ///< `items` are keys and values in turn; also an OrderedDict, whose attributes are left out
    global,      ///< `text` is the name of a function or class, such as "torch.FloatStorage"
    call,        ///< `items` are a global and the tuple of its arguments; it is not called
    persistent,  ///< `items` is the id of an object outside of the pickle
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  double real = 0;
  std::string text = {};
  std::vector<const PickleValue*> items = {};
};

/// A pickle of protocol 2 to 5 that has been read, without executing anything (Python's Lib/pickle.py and
/// Lib/pickletools.py).
class Pickle {
 public:
  /// Reads a pickle. `check_global` is called with the name of each function and class, except for
  /// collections.OrderedDict, and throws Error for those that may not occur. Error for every other opcode than those
  /// that plain values, calls and persistent ids need, for damaged data, and for more than a million values. Time and
  /// memory are proportional to the number of bytes.
  Pickle(std::string_view bytes, std::function<void(std::string_view name)> check_global);

  /// The value of the whole pickle.
  const PickleValue& value() const { return *value_; }

 private:
  friend class PickleMachine;
  std::deque<PickleValue> values_;  // owns all values; pointers to them stay valid
  const PickleValue* value_ = nullptr;
};

}  // namespace xtape
