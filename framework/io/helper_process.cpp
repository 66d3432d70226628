#include "framework/io/helper_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/socket.h>
#include <sys/wait.h>
#include <utility>

#include "framework/error.hpp"
#include "framework/helper_folders.hpp"

namespace xtape {
namespace {

/// The initial state of the new process: the socket is descriptor 3, the standard streams are /dev/null, nothing else
/// is open, no signal is blocked, and signals that this process may ignore have their default action. The helper
/// program itself sets the other signals.
class SpawnSettings {
 public:
  explicit SpawnSettings(int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, socket, 3);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      posix_spawn_file_actions_addopen(&actions_, standard, "/dev/null", O_RDWR, 0);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions_, 4);
    sigset_t blocked, defaults;
    sigemptyset(&blocked);
    sigemptyset(&defaults);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGXCPU, SIGPIPE, SIGTERM}) {
      sigaddset(&defaults, signal);
    }
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &blocked);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::filesystem::path required(std::string_view function, const HelperProgram& program) {
  std::filesystem::path path = find_helper(program);
  if (path.empty()) {
    std::string folders;
    for (const auto& folder : helper_folders()) folders += (folders.empty() ? "" : ", ") + folder.string();
    fail(
        "{}: expected the helper program {} in {}, got none; build xtape with {} installed, or set XTAPE_HELPERS to "
        "the folder that has the program",
        function, program.name, folders, program.package);
  }
  return path;
}

}  // namespace

std::filesystem::path find_helper(const HelperProgram& program) {
  for (const std::filesystem::path& folder : helper_folders()) {
    std::filesystem::path path = folder / program.name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

HelperProcess::HelperProcess(std::string_view function, const HelperProgram& program)
    : HelperProcess(function, required(function, program), program.dependency) {}

HelperProcess::HelperProcess(std::string_view function, const std::filesystem::path& program,
                             std::string_view dependency)
    : owner_(getpid()) {
  std::array<int, 2> ends{};
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
        "{}: expected a connection to {}, got: {}", function, program.string(), std::strerror(errno));
  channel_ = std::make_unique<Channel>(ends[0]);
  auto other = std::make_unique<Channel>(ends[1]);
  const SpawnSettings settings(ends[1]);
  std::string name = program.string();
  const std::array<char*, 2> arguments{name.data(), nullptr};
  const int error =
      posix_spawn(&process_, name.c_str(), settings.actions(), settings.attributes(), arguments.data(), environ);
  if (error != 0) process_ = -1;
  check(error == 0, "{}: expected to start the program {}, got: {}", function, name, std::strerror(error));
  other.reset();  // so that the connection closes when the program exits
  Texts answer;
  if (channel_->send({Channel::greeting}) && channel_->receive(answer)) return;
  fail("{}: expected the program {} to start, got {}; is {} installed?", function, name, end(), dependency);
}

bool HelperProcess::own() const { return owner_ == getpid(); }

std::optional<HelperProcess::Texts> HelperProcess::ask(const Texts& question, const void* bytes, std::size_t count) {
  if (!channel_ || !own()) return std::nullopt;
  // The result of sending is ignored: a helper that stops while it receives has sent a reply with the reason.
  static_cast<void>(channel_->send(question) && channel_->send_bytes(bytes, count));
  Texts answer;
  if (!channel_->receive(answer) || answer.empty()) return std::nullopt;
  if (!answer[0].empty()) throw Error(answer[0]);
  answer.erase(answer.begin());
  return answer;
}

std::string HelperProcess::end() {
  if (process_ < 0) return "ended before";
  if (own()) channel_->shut_down();  // a forked child may have the connection open too
  channel_.reset();
  const pid_t process = std::exchange(process_, -1);
  if (!own()) return "belongs to another process";
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  return WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace xtape
