// Python's pickles. The opcodes and their arguments are those that Python's Lib/pickletools.py describes.
#include "framework/io/pickle.hpp"

#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;
using namespace std::string_literals;

namespace {

/// The value as Python would print it, with the names of globals and calls.
std::string shown(const PickleValue& value) {
  using Kind = PickleValue::Kind;
  std::vector<std::string> items;
  for (const PickleValue* item : value.items) items.push_back(shown(*item));
  switch (value.kind) {
    case Kind::none: return "None";
    case Kind::boolean: return value.integer == 1 ? "True" : "False";
    case Kind::integer: return fmt::format("{}", value.integer);
    case Kind::real: return fmt::format("{}", value.real);
    case Kind::text: return fmt::format("'{}'", value.text);
    case Kind::bytes: return fmt::format("b'{}'", value.text);
    case Kind::tuple: return fmt::format("({})", fmt::join(items, ", "));
    case Kind::list: return fmt::format("[{}]", fmt::join(items, ", "));
    case Kind::dict: return fmt::format("{{{}}}", fmt::join(items, ", "));
    case Kind::global: return value.text;
    case Kind::call: return fmt::format("call {}", fmt::join(items, " "));
    case Kind::persistent: return fmt::format("persistent {}", fmt::join(items, ", "));
  }
  return "";
}

std::string unpickled(const std::string& opcodes, char protocol = 2) {
  const Pickle pickle("\x80"s + protocol + opcodes + ".",
                      [](std::string_view name) { check(name == "a.B", "expected a.B, got {}", name); });
  return shown(pickle.value());
}

}  // namespace

TEST_CASE("each opcode of plain values in a pickle has the argument that Python gives it") {
  const std::pair<std::string, std::string> rows[] = {
      {"N", "None"},
      {"\x88", "True"},
      {"\x89", "False"},
      {"K\xff", "255"},
      {"M\x01\x02", "513"},
      {"M\xff\xff", "65535"},
      {"J\xfe\xff\xff\xff", "-2"},
      {"J\x01\x02\x03\x04", "67305985"},
      {"\x8a\x00"s, "0"},
      {"\x8a\x01\xff", "-1"},
      {"\x8a\x02\x00\x80"s, "-32768"},
      {"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"s, "-9223372036854775808"},
      {"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775807"},
      {"\x8a\x09\x61\x62\x63\x64\x65\x66\x67\x68\x01", "b'abcdefgh\x01'"},  // more than 64 bits
      {"\x8b\x02\x00\x00\x00\x00\x80"s, "-32768"},
      {"G\x3f\xf8\x00\x00\x00\x00\x00\x00"s, "1.5"},
      {"\x8c\x02hi", "'hi'"},
      {"X\x02\x00\x00\x00hi"s, "'hi'"},
      {"\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi"s, "'hi'"},
      {"U\x02hi", "'hi'"},
      {"T\x02\x00\x00\x00hi"s, "'hi'"},
      {"C\x02hi", "b'hi'"},
      {"B\x02\x00\x00\x00hi"s, "b'hi'"},
      {"\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi"s, "b'hi'"},
      {")", "()"},
      {"K\x01\x85", "(1)"},
      {"K\x01K\x02\x86", "(1, 2)"},
      {"K\x01K\x02K\x03\x87", "(1, 2, 3)"},
      {"(K\x01K\x02K\x03K\x04t", "(1, 2, 3, 4)"},
      {"(t", "()"},
      {"K\x07(K\x01(K\x02tt\x86", "(7, (1, (2)))"},
      {"]", "[]"},
      {"]K\x01"
       "a",
       "[1]"},
      {"](K\x01K\x02"
       "e",
       "[1, 2]"},
      {"}", "{}"},
      {"}K\x01K\x02s", "{1, 2}"},
      {"}(K\x01K\x02K\x03K\x04u", "{1, 2, 3, 4}"},
      {"\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01"s, "1"},
      {"K\x05q\x07K\x06h\x07\x87", "(5, 6, 5)"},
      {"K\x05r\x07\x01\x00\x00K\x06j\x07\x01\x00\x00\x87"s, "(5, 6, 5)"},
      {"K\x05\x94K\x06\x94h\x01h\x00\x86\x87"s, "(5, 6, (6, 5))"},
      {"ca\nB\n", "a.B"},
      {"X\x01\x00\x00\x00"
       "aX\x01\x00\x00\x00"
       "B\x93"s,
       "a.B"},
      {"ccollections\nOrderedDict\n)R", "{}"},
      {"ccollections\nOrderedDict\n)R}K\x01K\x02sb", "{}"},
      {"ccollections\nOrderedDict\n]K\x01K\x02\x86"
       "a\x85R",
       "{1, 2}"},
      {"ca\nB\nK\x01\x85R", "call a.B (1)"},
      {"K\x01K\x02\x86Q", "persistent (1, 2)"},
  };
  for (const auto& [opcodes, expected] : rows) {
    INFO(expected);
    CHECK(unpickled(opcodes) == expected);
  }
}

TEST_CASE("pickles of other protocols, other functions and damaged ones are rejected") {
  for (const char protocol : {'\2', '\3', '\4', '\5'}) CHECK(unpickled("N", protocol) == "None");
  const std::string beginning = "expected a pickle of protocol 2 to 5, got another beginning";
  CHECK(error_of([] { unpickled("N", 6); }) == beginning);
  CHECK(error_of([] { Pickle("N.", {}); }) == beginning);
  CHECK(error_of([] { Pickle("\x80\x02", {}); }) == "expected 1 byte at offset 2, got the end of the pickle");
  CHECK(error_of([] { unpickled("ca\nC\n"); }) == "expected a.B, got a.C");
  CHECK(error_of([] { unpickled("ca"); }) == "expected a line at offset 3, got the end of the pickle");
  CHECK(error_of([] { unpickled("I1\n"); }) == "expected a pickle of plain data, got the opcode 0x49 at offset 2");
  CHECK(error_of([] { unpickled("X\x09\x00\x00\x00hi"s); }) ==
        "expected 9 bytes at offset 7, got the end of the pickle");
  CHECK(error_of([] { unpickled(""); }) == "expected a value on the stack of the pickle at offset 3, got none");
  CHECK(error_of([] { unpickled("K\x01("); }) == "expected a value on the stack of the pickle at offset 6, got none");
  CHECK(error_of([] { unpickled("t"); }) == "expected a mark before offset 3 of the pickle, got none");
  CHECK(error_of([] { unpickled("K\x01K\x02\x93"); }) == "expected another kind of value at offset 7 of the pickle");
  CHECK(error_of([] { unpickled("K\x01)b"); }) ==
        "expected attributes of dictionaries alone, got those of another value");
  const std::string not_extended = "expected a list or dictionary to extend at offset 5 of the pickle";
  for (const char* const opcodes : {")Na", "}Na"}) CHECK(error_of([&] { unpickled(opcodes); }) == not_extended);
  CHECK(error_of([] { unpickled("}(Nu"); }) == "expected a list or dictionary to extend at offset 6 of the pickle");
  CHECK(error_of([] { unpickled("]NNs"); }) == "expected a list or dictionary to extend at offset 6 of the pickle");
  CHECK(error_of([] { unpickled("Nq\x01h\x02"); }) == "expected a value with the number 2 in the pickle, got none");
  CHECK(error_of([] {
          unpickled(
              "ccollections\nOrderedDict\n]K\x01\x85"
              "a\x85R");
        }) == "expected at most 1000000 pairs as arguments of OrderedDict, got more, or an item of 1 values");
  const std::string million(999'999, 'N');
  CHECK(unpickled(million + ")") == "()");
  CHECK(error_of([&] { unpickled(million + "))"); }) == "expected at most 1000000 values in a pickle, got more");
}
