// How wide the terminal is that standard output goes to.
#pragma once

namespace xtape {

/// Columns of the terminal that standard output is, 80 when it does not say, 0 when standard output is none.
int terminal_columns();

}  // namespace xtape
