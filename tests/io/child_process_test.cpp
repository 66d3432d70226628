#include "framework/io/child_process.hpp"

#include <csignal>
#include <cstdlib>
#include <vector>

#include "tests/support/support.hpp"

using namespace xtape;

namespace {

/// How a child ends that does this work, once it was asked to begin.
std::string end_of(const std::function<void()>& work) {
  ChildProcess child("test", [&](Channel& channel) {
    std::vector<std::string> question;
    channel.receive(question);
    work();
    channel.send({"done"});
  });
  CHECK(child.channel().send({"begin"}));
  std::vector<std::string> answer;
  const bool answered = child.channel().receive(answer);
  const std::string how = child.end();
  CHECK(answered == (how == "exit status 0"));
  return how;
}

}  // namespace

TEST_CASE("a child process hands over texts and bytes of any size") {
  const std::vector<std::string> texts{"", std::string(3'000'000, 'x'), std::string("a\0b", 3)};
  ChildProcess child("test", [](Channel& channel) {
    for (std::vector<std::string> got; channel.receive(got);) {
      channel.send(got);
      channel.send_bytes(got[1].data(), got[1].size());
    }
  });
  for (int i = 0; i < 2; ++i) {
    CHECK(child.channel().send(texts));
    std::vector<std::string> back;
    CHECK(child.channel().receive(back));
    CHECK(back == texts);
    std::string bytes(texts[1].size(), ' ');
    CHECK(child.channel().receive_bytes(bytes.data(), bytes.size()));
    CHECK(bytes == texts[1]);
  }
}

TEST_CASE("how a child process dies is told, and nothing of it reaches this one") {
  CHECK(end_of([] {}) == "exit status 0");
  CHECK(end_of([] { std::raise(SIGSEGV); }) == "Segmentation fault");
  CHECK(end_of([] { std::abort(); }) == "Aborted");
  CHECK(end_of([] { throw Error("unexpected"); }) == "exit status 1");
}

TEST_CASE("a child process that takes more memory than it may is refused it") {
  ProcessLimits limits;
  CHECK(end_of([&] {
          limits.allow(0);
          const std::vector<char> large(std::size_t{3} << 30);
        }) == "exit status 1");
}
