// ChildProcess: work done in a process of its own, so that a library which damaged input brings down takes nothing
// along.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace xtape {

/// One end of a connection between two processes. Each function returns false when the other end is gone.
class Channel {
 public:
  explicit Channel(int socket) : socket_(socket) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();
  /// A message of several texts; at most 512 MiB are received.
  bool send(const std::vector<std::string>& texts);
  bool receive(std::vector<std::string>& texts);
  /// Bytes without their number, which the receiver must know.
  bool send_bytes(const void* bytes, std::size_t count);
  bool receive_bytes(void* bytes, std::size_t count);

 private:
  bool receive_text(std::string& text, std::size_t most);

  int socket_;
};

/// A copy of this process that does one thing. It has one thread whatever this process has, so what it does must not
/// wait for others: no Tensor (its pool has a lock), no parallel loop. It prints nothing and leaves no core.
class ChildProcess {
 public:
  /// Starts `work`; at its end, or that of an exception, the process ends. Error naming `function` when there can't be
  /// another process.
  ChildProcess(std::string_view function, const std::function<void(Channel&)>& work);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Closes the connection, at which the work should end, and waits for that.
  ~ChildProcess() { end(); }
  /// This process's end of the connection.
  Channel& channel() { return *channel_; }
  /// The same as the destructor; gives how it ended: "Segmentation fault", "exit status 1".
  std::string end();

 private:
  std::unique_ptr<Channel> channel_;
  pid_t process_ = -1;
};

/// How much a child process may take before it is ended: memory on top of what it had when it was made, and time of the
/// processor.
class ProcessLimits {
 public:
  /// Remembers what this process has; to be made before the child.
  ProcessLimits();
  /// In the child: allows 1 GiB and 5 seconds for itself, and what it takes to work on so many bytes now (four times
  /// their memory; a second for 4 MiB, which adds up).
  void allow(std::uint64_t bytes);

 private:
  std::uint64_t memory_ = 0, bytes_ = 0;
};

}  // namespace xtape
