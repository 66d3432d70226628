// Channel: messages between this process and a helper program.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace xtape {

/// One end of a connection between two processes. Each function returns false if the other end is closed.
class Channel {
 public:
  using Texts = std::vector<std::string>;
  /// A request to which any reply confirms that the helper program runs.
  static constexpr const char* greeting = "greeting";

  explicit Channel(int socket) : socket_(socket) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();
  /// Sends or receives a message of several texts. receive() refuses messages of more than 512 MiB or 2^20 texts.
  bool send(const Texts& texts);
  bool receive(Texts& texts);
  /// Sends or receives `count` bytes. The count itself is not transmitted; the receiver must know it.
  bool send_bytes(const void* bytes, std::size_t count);
  bool receive_bytes(void* bytes, std::size_t count);
  /// Closes the connection for all processes that have it open.
  void shut_down();

 private:
  bool receive_text(std::string& text, std::size_t most);

  int socket_;
};

}  // namespace xtape
