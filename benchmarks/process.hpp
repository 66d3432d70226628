// A child process that is spoken with line by line.
#pragma once

#include <cstdio>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace xtape::bench {

/// Its standard input and output are pipes to this process; standard error stays what it is.
class Process {
 public:
  /// Starts `command`, a program's path and its arguments, with `environment` added to this process's own; variables
  /// that are set already stay as they are. Error when it can't be started.
  Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Closes its input, on which a worker ends, and waits for that.
  ~Process();

  void send(const std::string& line);
  /// The next line, without its end. Error with `name` and how the process ended when there is none.
  std::string receive(const std::string& name);

  /// Processor time it has used so far, in seconds, all threads together.
  double processor_seconds() const;

 private:
  pid_t id_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace xtape::bench
