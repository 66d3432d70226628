#include "framework/io/channel.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <sys/socket.h>

namespace xtape {
namespace {

constexpr std::size_t most_received = std::size_t{1} << 29, most_texts = std::size_t{1} << 20;

}  // namespace

Channel::~Channel() { close(socket_); }

void Channel::shut_down() { shutdown(socket_, SHUT_RDWR); }

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

bool Channel::send(const Texts& texts) {
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

bool Channel::receive(Texts& texts) {
  std::uint64_t count = 0;
  std::size_t left = most_received;
  if (!receive_bytes(&count, sizeof count) || count > most_texts) return false;
  texts.clear();
  for (; count > 0; --count) {
    if (!receive_text(texts.emplace_back(), left)) return false;
    left -= texts.back().size();
  }
  return true;
}

/// Allocates memory only as bytes arrive, because the announced size may be wrong.
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

}  // namespace xtape
