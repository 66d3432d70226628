// The width of the terminal of standard output.
#pragma once

namespace xtape {

/// Number of columns of the terminal of standard output; 80 when it is unknown, 0 when standard output is not a
/// terminal.
int terminal_columns();

}  // namespace xtape
