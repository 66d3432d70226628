// Reports as the text of their page.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/support.hpp"
#include "training/report/report.hpp"

namespace xtape::test {

inline std::string page_of(const ReportInput& input) {
  const TemporaryFolder folder;
  save_report(folder / "report.html", input);
  std::ifstream stream(folder / "report.html");
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace xtape::test
