// Process: a child process with line-by-line communication.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace xtape::bench {

/// A child process. Its standard input and output are pipes to this process; it inherits standard error.
class Process {
 public:
  /// Starts `command`, the path of a program and its arguments. `environment` is added to the environment of this
  /// process; variables that are already set are not changed. Error if the program cannot be started.
  Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Closes the input of the process, which makes a worker exit, and waits for it.
  ~Process();

  void send(const std::string& line);
  /// Reads the next line, without the newline. If the process has ended, throws Error with `name` and its exit status
  /// or signal.
  std::string receive(const std::string& name);

  /// The processor time of all its threads so far, in seconds.
  double processor_seconds() const;

 private:
  pid_t id_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace xtape::bench
