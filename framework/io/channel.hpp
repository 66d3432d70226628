// Channel: messages between this process and a helper program.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace xtape {

/// One end of a connection between two processes. Each function returns false when the other end is gone.
class Channel {
 public:
  using Texts = std::vector<std::string>;
  /// The question whether a helper program runs, which any answer confirms.
  static constexpr const char* greeting = "greeting";

  explicit Channel(int socket) : socket_(socket) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();
  /// A message of several texts; at most 512 MiB are received.
  bool send(const Texts& texts);
  bool receive(Texts& texts);
  /// Bytes without their number, which the receiver must know.
  bool send_bytes(const void* bytes, std::size_t count);
  bool receive_bytes(void* bytes, std::size_t count);
  /// Ends the connection for all processes that have it open.
  void shut_down();

 private:
  bool receive_text(std::string& text, std::size_t most);

  int socket_;
};

}  // namespace xtape
