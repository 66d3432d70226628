#include "framework/io/helpers/serve.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sys/resource.h>

#include "framework/error.hpp"

namespace xtape::helpers {
namespace {

void limit(__rlimit_resource resource, std::uint64_t most) {
  rlimit known{};
  getrlimit(resource, &known);
  known.rlim_cur = std::min<std::uint64_t>(most, known.rlim_max);
  setrlimit(resource, &known);
}

}  // namespace

void serve(const std::function<Answer(Channel&, const Channel::Texts&)>& answer) {
  for (const int signal : {SIGINT, SIGQUIT}) std::signal(signal, SIG_IGN);
  limit(RLIMIT_CORE, 0);
  Channel channel(3);
  for (Channel::Texts question; channel.receive(question);) {
    if (question.empty()) _exit(EXIT_FAILURE);
    std::string error;
    Answer result;
    try {
      if (question != Channel::Texts{Channel::greeting}) result = answer(channel, question);
    } catch (const Error& known) {
      error = known.what();
      result = {};
    }
    result.texts.insert(result.texts.begin(), error);
    if (!channel.send(result.texts) || !channel.send_bytes(result.bytes.data(), result.bytes.size())) break;
  }
  _exit(EXIT_SUCCESS);
}

ProcessLimits::ProcessLimits() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  memory_ = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void ProcessLimits::allow(std::uint64_t bytes) {
  bytes_ += bytes;
  limit(RLIMIT_CPU, 5 + bytes_ / (std::uint64_t{1} << 22));
  if (memory_ > 0) limit(RLIMIT_AS, memory_ + (std::uint64_t{1} << 30) + 4 * bytes);
}

}  // namespace xtape::helpers
