#include "training/report/html.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "framework/io/image.hpp"
#include "framework/io/utf8.hpp"

namespace xtape::html {
namespace {

/// Base64 encoding (RFC 4648, section 4).
std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
    const unsigned bits = byte(0) << 16U | byte(1) << 8U | byte(2);
    for (std::size_t i = 0; i < 4; ++i) text += i <= bytes.size() ? digits[bits >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

}  // namespace

std::string image(const Tensor& image, std::string_view alt) {
  return fmt::format("<img width='{}' height='{}' alt='{}' src='data:image/png;base64,{}'/>", image.dim(1),
                     image.dim(0), escaped(alt), base64(encode_png(image)));
}

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text[0];
    if (length == 0 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
      result += "\xEF\xBF\xBD";  // U+FFFD, the replacement character
    } else if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '"') {
      result += "&quot;";
    } else if (c == '\'') {
      result += "&#39;";
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return result;
}

}  // namespace xtape::html
