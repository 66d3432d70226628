// Tables of text.
#include "framework/io/csv.hpp"

#include <algorithm>

#include "tests/io/files.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using test::error_of;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows read(const std::string& text, char separator = ',', std::vector<std::int64_t>* lines = nullptr) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "table.csv", text);
  Rows rows;
  read_csv("test", folder / "table.csv", separator, [&](const CsvRow& row) {
    rows.push_back(row.fields);
    if (lines) lines->push_back(row.line);
  });
  return rows;
}

}  // namespace

TEST_CASE("fields are separated, trimmed and unquoted") {
  CHECK(read("a,b\n1,2\n") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(read("a,b\r\n1,2") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(read("a;b,c\n", ';') == Rows{{"a", "b,c"}});
  CHECK(read("a\t b \tc\n", '\t') == Rows{{"a", "b", "c"}});
  CHECK(read(" a , b c ,\n") == Rows{{"a", "b c", ""}});
  CHECK(read(",\n") == Rows{{"", ""}});
  CHECK(read("\"a,b\", \"c \"\"d\"\" \" ,\"\"\n") == Rows{{"a,b", "c \"d\" ", ""}});
  CHECK(read("\"a\nb\",c\n") == Rows{{"a\nb", "c"}});
  CHECK(read("\xEF\xBB\xBFname\n") == Rows{{"name"}});
  CHECK(read("\n\r\n  \na\n\nb\n\n") == Rows{{"a"}, {"b"}});
  CHECK(read("").empty());
  CHECK(read("\"\"\n") == Rows{{""}});
  CHECK(read("\"\"") == Rows{{""}});
  CHECK(read("a,\"b\"") == Rows{{"a", "b"}});
}

TEST_CASE("the last row may lack its end of line") {
  for (const std::string last : {"1,2", "1,", ",", ", ", "\"\"", "\"a\",", ",\"\"", "1, ", "a,b,"}) {
    INFO(last);
    const Rows rows = read("a,b\n" + last + "\n");
    CHECK(rows.size() == 2);
    CHECK(read("a,b\n" + last) == rows);
    CHECK(read("a,b\n" + last + "\r") == rows);
  }
}

TEST_CASE("rows have the number of their first line") {
  std::vector<std::int64_t> lines;
  read("a\n\n\"b\n\n\",c\r\nd\n", ',', &lines);
  CHECK(lines == std::vector<std::int64_t>{1, 3, 6});
}

TEST_CASE("large tables are read in pieces") {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += fmt::format("{},\"x\"\"{}\"\n", i, i);
  const Rows rows = read(text);
  REQUIRE(rows.size() == 300'000);
  for (const std::size_t i : {0U, 99'999U, 150'000U, 299'999U}) {
    CHECK(rows[i] == std::vector<std::string>{fmt::format("{}", i), fmt::format("x\"{}", i)});
  }
}

TEST_CASE("a byte order mark is removed at the beginning of a table only") {
  const std::string mark = "\xEF\xBB\xBF", line = mark + "1234\n";
  std::string text;
  while (text.size() < (1U << 20) + (1U << 10)) text += line;  // the pieces that are read begin with marks
  const Rows rows = read(text);
  REQUIRE(rows.size() == text.size() / line.size());
  CHECK(rows[0] == std::vector<std::string>{"1234"});
  CHECK(std::ranges::count(rows, std::vector<std::string>{mark + "1234"}) == std::ssize(rows) - 1);
}

TEST_CASE("tables with damaged quotes are errors with the line") {
  const auto refused = [](const std::string& text, const std::string& message) {
    INFO(message);
    CHECK_THAT(error_of([&] { read(text); }), Catch::Contains("test: ") && Catch::Contains(message));
  };
  refused("a\nb,\"c\n\n", "table.csv, line 2: expected a closing quote");
  refused("a\n\nb\"c\n", "line 3: expected quotes around the whole field");
  refused("a\n\"b\"c\n", "line 2: expected a separator after the closing quote, got \"c\"");
  refused("a\n\"b\" \"c\"\n", "line 2: expected a separator after the closing quote");
  refused(std::string("a\0b", 3), "line 1: expected text, got a null byte");
  CHECK(error_of([] { read("a", '"'); }) == "test: expected a separator such as ',' or ';', got \"\"\"");
  CHECK(read("a~b", '~') == Rows{{"a", "b"}});
  CHECK(error_of([] { read("a", '\x7F'); }) == "test: expected a separator such as ',' or ';', got \"?\"");
  CHECK(error_of([] { read("a", '\n'); }) == "test: expected a separator such as ',' or ';', got \"?\"");
  CHECK_THAT(error_of([] { read_csv("test", "/nowhere/t.csv", ',', [](const CsvRow&) {}); }),
             Catch::Contains("test: expected a file that can be read, got /nowhere/t.csv: No such file or directory"));
}
