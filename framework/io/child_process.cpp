#include "framework/io/child_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "framework/error.hpp"

namespace xtape {
namespace {

constexpr std::size_t most_received = std::size_t{1} << 29, most_texts = std::size_t{1} << 20;

void limit(__rlimit_resource resource, std::uint64_t most) {
  rlimit known{};
  getrlimit(resource, &known);
  known.rlim_cur = std::min<std::uint64_t>(most, known.rlim_max);
  setrlimit(resource, &known);
}

/// Makes the copy of a process one that keeps nothing open but `socket`, is silent, and ends at a fault.
void settle(int socket) {
  dup2(socket, 3);
  close_range(4, ~0U, 0);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, standard);
  for (const int fault : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGXCPU, SIGPIPE, SIGTERM}) signal(fault, SIG_DFL);
  limit(RLIMIT_CORE, 0);
}

}  // namespace

Channel::~Channel() { close(socket_); }

bool Channel::send_bytes(const void* bytes, std::size_t count) {
  const auto* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t sent = ::send(socket_, next, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    next += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool Channel::receive_bytes(void* bytes, std::size_t count) {
  auto* next = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t received = recv(socket_, next, count, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    next += received;
    count -= static_cast<std::size_t>(received);
  }
  return true;
}

bool Channel::send(const std::vector<std::string>& texts) {
  std::string message;
  const auto add_number = [&message](std::uint64_t number) {
    message.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  add_number(texts.size());
  for (const std::string& text : texts) {
    add_number(text.size());
    message += text;
  }
  return send_bytes(message.data(), message.size());
}

bool Channel::receive(std::vector<std::string>& texts) {
  std::uint64_t count = 0;
  std::size_t room = most_received;
  if (!receive_bytes(&count, sizeof count) || count > most_texts) return false;
  texts.clear();
  for (; count > 0; --count) {
    if (!receive_text(texts.emplace_back(), room)) return false;
    room -= texts.back().size();
  }
  return true;
}

/// Takes memory as bytes arrive, for the number of them may be wrong.
bool Channel::receive_text(std::string& text, std::size_t most) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  std::uint64_t size = 0;
  if (!receive_bytes(&size, sizeof size) || size > most) return false;
  while (text.size() < size) {
    const std::size_t known = text.size();
    text.resize(std::min(known + piece, static_cast<std::size_t>(size)));
    if (!receive_bytes(text.data() + known, text.size() - known)) return false;
  }
  return true;
}

ChildProcess::ChildProcess(std::string_view function, const std::function<void(Channel&)>& work) {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
        "{}: expected a process of its own to read the file in, got: {}", function, std::strerror(errno));
  channel_ = std::make_unique<Channel>(ends[0]);
  Channel other(ends[1]);
  process_ = fork();
  check(process_ >= 0, "{}: expected a process of its own to read the file in, got: {}", function,
        std::strerror(errno));
  if (process_ > 0) return;
  settle(ends[1]);
  Channel channel(3);
  try {
    work(channel);
  } catch (...) {
    _exit(EXIT_FAILURE);
  }
  _exit(EXIT_SUCCESS);
}

std::string ChildProcess::end() {
  if (process_ < 0) return "ended before";
  channel_.reset();
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) continue;
  process_ = -1;
  return WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : fmt::format("exit status {}", WEXITSTATUS(status));
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

}  // namespace xtape
