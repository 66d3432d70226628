// A helper program for the tests of HelperProcess.
#include <dirent.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "framework/error.hpp"
#include "framework/io/helpers/serve.hpp"

using namespace xtape;
using helpers::Answer;

namespace {

/// The open descriptors of this process, without the one that is used to list them.
Channel::Texts open_descriptors() {
  Channel::Texts names;
  DIR* folder = opendir("/proc/self/fd");
  const std::string own = std::to_string(dirfd(folder));
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.' && entry->d_name != own) names.emplace_back(entry->d_name);
  }
  closedir(folder);
  return names;
}

Answer answer(Channel& channel, const Channel::Texts& question) {
  const std::string& what = question[0];
  if (what == "echo") return {.texts = question, .bytes = question.back()};
  if (what == "receive") {
    Answer result{.bytes = std::string(std::stoul(question[1]), '\0')};
    channel.receive_bytes(result.bytes.data(), result.bytes.size());
    return result;
  }
  if (what == "error") fail("test_helper: expected nothing, got {}", what);
  if (what == "leave") std::exit(EXIT_FAILURE);
  if (what == "fault") std::raise(SIGSEGV);
  if (what == "abort") std::abort();
  if (what == "descriptors") return {.texts = open_descriptors()};
  if (what == "interrupt") std::raise(SIGINT);
  if (what == "allocate") {
    helpers::ProcessLimits limits;
    limits.allow(0);
    void* block = std::malloc(std::size_t{3} << 30);
    const bool refused = !block;
    std::free(block);
    return {.texts = {refused ? "refused" : "given"}};
  }
  return {};
}

}  // namespace

int main() { helpers::serve(answer); }
