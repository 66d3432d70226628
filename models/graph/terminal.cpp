#include "models/graph/terminal.hpp"

#include <unistd.h>

#include <sys/ioctl.h>

namespace xtape {

int terminal_columns() {
  winsize size{};
  if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace xtape
