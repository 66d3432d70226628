// Tables of text with separators (RFC 4180).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// A row of a table.
struct CsvRow {
  std::int64_t line;                ///< number of the line in the file where the row begins, 1 for the first
  std::vector<std::string> fields;  ///< without quotes, and without spaces around unquoted text
};

/// Reads a table row by row. Fields are separated by `separator` and may be in quotes, in which a quote is doubled and
/// separators and line ends are text. Lines end with LF or CR LF; empty lines are skipped, as is a UTF-8 byte order
/// mark. Throws Error that names `function`, the path and the line if the file cannot be read, a quote is not closed or
/// stands within a field, text follows a closing quote, or the file contains a null byte (as in UTF-16). Exceptions of
/// `row` are propagated. Error too unless the separator is a printable ASCII character other than a quote, or a tab.
void read_csv(std::string_view function, const std::filesystem::path& path, char separator,
              const std::function<void(const CsvRow& row)>& row);

}  // namespace xtape
