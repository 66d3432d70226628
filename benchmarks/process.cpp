#include "benchmarks/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <sys/wait.h>

#include "framework/error.hpp"

namespace xtape::bench {
namespace {

struct Pipe {
  int read_end = -1, write_end = -1;
};

/// Creates a pipe that children do not inherit, except for the ends that become their standard input or output.
Pipe make_pipe() {
  std::array<int, 2> ends{};
  check(pipe2(ends.data(), O_CLOEXEC) == 0, "pipe: expected two file descriptors, got: {}", std::strerror(errno));
  return {ends[0], ends[1]};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> found;
  found.reserve(texts.size() + 1);
  for (std::string& text : texts) found.push_back(text.data());
  found.push_back(nullptr);
  return found;
}

std::vector<std::string> extended_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry; ++entry) all.emplace_back(*entry);
  for (const auto& [name, value] : added) {
    if (!std::getenv(name.c_str())) all.push_back(fmt::format("{}={}", name, value));
  }
  return all;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment) {
  signal(SIGPIPE, SIG_IGN);  // receive() reports a process that has ended
  const Pipe input = make_pipe(), output = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.write_end, STDOUT_FILENO);
  std::vector<std::string> arguments = command, variables = extended_environment(environment);
  const int status = posix_spawnp(&id_, command.front().c_str(), &actions, nullptr, pointers(arguments).data(),
                                  pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  close(input.read_end);
  close(output.write_end);
  to_ = fdopen(input.write_end, "w");
  from_ = fdopen(output.read_end, "r");
  if (status == 0) return;
  std::fclose(to_);
  std::fclose(from_);
  fail("{}: expected a program that can be started, got: {}", command.front(), std::strerror(status));
}

Process::~Process() {
  std::fclose(to_);
  std::fclose(from_);
  waitpid(id_, nullptr, 0);
}

void Process::send(const std::string& line) {
  std::fputs((line + "\n").c_str(), to_);
  std::fflush(to_);
}

std::string Process::receive(const std::string& name) {
  std::string line;
  for (int c = std::fgetc(from_); c != EOF; c = std::fgetc(from_)) {
    if (c == '\n') return line;
    line.push_back(static_cast<char>(c));
  }
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOWAIT);
  fail("{}: expected an answer, got the end of the process, with {} {}; see its messages above", name,
       info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
}

double Process::processor_seconds() const {
  std::ifstream file(fmt::format("/proc/{}/stat", id_));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream words(text.substr(std::min(text.size(), text.rfind(')') + 1)));  // skip the program name
  std::string word;
  for (int i = 0; i < 11; ++i) words >> word;
  double user = 0, system = 0;
  words >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace xtape::bench
