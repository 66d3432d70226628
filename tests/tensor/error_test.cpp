#include "framework/error.hpp"

#include "tests/support/support.hpp"

using xtape::Error;
using xtape::test::error_of;

TEST_CASE("text from a file cannot control the terminal that shows a message") {
  CHECK(error_of([] { xtape::fail("got {}", std::string("\x1b[2J\0\x7f\r", 7)); }) == "got \\x1b[2J\\x00\\x7f\\x0d");
  CHECK(std::string(Error("\xc2\x9b"
                          "31m \xc2\x80\xc2\xa0\xc3\x9b\xc2")
                        .what()) == "\\x9b31m \\x80\xc2\xa0\xc3\x9b\xc2");
  CHECK(std::string(Error("two\nlines\tand \xc3\xa4").what()) == "two\nlines\tand \xc3\xa4");
}

TEST_CASE("a message shortens long text that it repeats") {
  const std::string message = error_of([] { xtape::fail("expected {}, got none", std::string(5'000'000, 'x')); });
  CHECK(message.size() < 11'000);
  CHECK_THAT(message,
             Catch::StartsWith("expected xxx") && Catch::Contains("x [...] x") && Catch::EndsWith("x, got none"));
  const std::string whole(10'000, 'x');
  CHECK(Error(whole).what() == whole);
  CHECK(Error(whole + "y").what() == std::string(5000, 'x') + " [...] " + std::string(4999, 'x') + "y");
}
