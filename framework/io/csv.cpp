#include "framework/io/csv.hpp"

#include <algorithm>

#include "framework/error.hpp"
#include "framework/io/input_file.hpp"
#include "framework/io/utf8.hpp"

namespace xtape {
namespace {

/// The state machine that divides the bytes of a file into rows.
class CsvParser {
 public:
  CsvParser(std::string where, char separator, const std::function<void(const CsvRow&)>& row)
      : where_(std::move(where)), separator_(separator), row_(row) {}

  void parse(std::string_view bytes) {
    for (const char c : bytes) {
      check(c != '\0', "{}, line {}: expected text, got a null byte; save the table as UTF-8", where_, line_);
      step(c);
    }
  }

  void finish() {
    check(state_ != State::quoted, "{}, line {}: expected a closing quote for the one that begins here, got the end",
          where_, quote_line_);
    if (state_ != State::field_begin || !current_.fields.empty()) end_row();
  }

 private:
  enum class State { field_begin, plain, quoted, after_quote };

  void step(char c) {
    if (state_ == State::quoted) {
      if (c == '\n') ++line_;
      if (c == '"') {
        state_ = State::after_quote;
      } else {
        field_ += c;
      }
      return;
    }
    if (state_ == State::after_quote && c == '"' && directly_) {  // a doubled quote is text
      field_ += '"';
      state_ = State::quoted;
      return;
    }
    directly_ = true;
    if (c == separator_) return end_field();
    if (c == '\n') {
      if (state_ != State::field_begin || !current_.fields.empty() || !field_.empty()) end_row();
      current_.line = ++line_;
      return;
    }
    const bool space = c == ' ' || c == '\t' || c == '\r';
    if (state_ == State::after_quote) {
      check(space, "{}, line {}: expected a separator after the closing quote, got \"{}\"", where_, line_,
            printable({&c, 1}));
      directly_ = false;
    } else if (state_ == State::field_begin) {
      if (space) return;
      state_ = c == '"' ? State::quoted : State::plain;
      quote_line_ = line_;
      if (c != '"') field_ += c;
    } else {
      check(c != '"', "{}, line {}: expected quotes around the whole field, got one within \"{:.40}\"", where_, line_,
            printable(field_));
      field_ += c;
    }
  }

  void end_field() {
    if (state_ == State::plain) field_.erase(field_.find_last_not_of(" \t\r") + 1);
    current_.fields.push_back(std::move(field_));
    field_.clear();
    state_ = State::field_begin;
  }

  void end_row() {
    end_field();
    row_(current_);
    current_.fields.clear();
  }

  std::string where_;  // function and path
  char separator_;
  const std::function<void(const CsvRow&)>& row_;
  State state_ = State::field_begin;
  bool directly_ = true;  // whether nothing is between a closing quote and the current character
  std::int64_t line_ = 1, quote_line_ = 1;
  CsvRow current_{1, {}};
  std::string field_;
};

}  // namespace

void read_csv(std::string_view function, const std::filesystem::path& path, char separator,
              const std::function<void(const CsvRow& row)>& row) {
  check((separator > ' ' && separator <= '~' && separator != '"') || separator == '\t',
        "{}: expected a separator such as ',' or ';', got \"{}\"", function, printable({&separator, 1}));
  const InputFile file(function, path);
  CsvParser parser(fmt::format("{}: {}", function, path.string()), separator, row);
  std::string piece;
  for (std::int64_t done = 0; done < file.size(); done += std::ssize(piece)) {
    piece.resize(static_cast<std::size_t>(std::min<std::int64_t>(file.size() - done, 1 << 20)));
    file.read(done, piece.data(), std::ssize(piece));
    const bool mark = done == 0 && piece.starts_with("\xEF\xBB\xBF");
    parser.parse(std::string_view(piece).substr(mark ? 3 : 0));
  }
  parser.finish();
}

}  // namespace xtape
