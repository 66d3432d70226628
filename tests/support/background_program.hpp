// A program that runs in the background of a test, which controls its progress.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "tests/support/occurrences.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

/// A child process whose output is a pipe of 4096 bytes, the smallest possible size. It waits when the pipe is full, so
/// it is never further ahead of the reading test, at any speed of the machine. The child is killed at the end of the
/// scope.
class BackgroundProgram {
 public:
  /// command: the program's path and its arguments. folder: the current folder of the child.
  explicit BackgroundProgram(std::vector<std::string> command, const std::filesystem::path& folder = ".") {
    std::vector<char*> pointers;
    for (std::string& word : command) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(fcntl(ends[0], F_SETPIPE_SZ, 4096) == 4096);
    // A signal waits until the child has its own handlers: those of the tests would print there, which may not return.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    process_ = fork();
    if (process_ == 0) {  // only calls that are permitted after a fork of a multi-threaded process
      // under nohup, or in the background of a shell, the tests themselves ignore some
      for (const int signal : {SIGHUP, SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      if (chdir(folder.c_str()) != 0) _exit(98);
      dup2(ends[1], 1);
      dup2(ends[1], 2);
      execv(pointers[0], pointers.data());
      _exit(99);
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    close(ends[1]);
    output_ = ends[0];
  }
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;
  ~BackgroundProgram() {
    send(SIGKILL);
    if (!over_) waitpid(process_, nullptr, 0);
    close(output_);
  }

  /// Reads until the words have occurred `times` times since the start. The test fails if the output ends before.
  void read_until(const std::string& words, int times = 1) {
    while (occurrences(text_, words) < times) {
      INFO("waiting for " << times << " times '" << words << "' in:\n" << text_);
      REQUIRE(read_some());
    }
  }
  void send(int signal) const {
    if (!over_) kill(process_, signal);
  }
  /// Reads the rest of the output. Returns the exit status as in a shell: 128 + the signal when one ended the program.
  int wait() {
    while (read_some()) {
    }
    int status = 0;
    waitpid(process_, &status, 0);
    over_ = true;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  /// What has been read so far: standard output and standard error.
  const std::string& text() const { return text_; }
  pid_t process() const { return process_; }

 private:
  bool read_some() {
    char bytes[256];  // small, because each read allows the child to continue
    const ssize_t got = read(output_, bytes, sizeof bytes);
    if (got > 0) text_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }

  pid_t process_ = 0;
  int output_ = -1;
  bool over_ = false;
  std::string text_;
};

}  // namespace xtape::test
