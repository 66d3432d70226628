// A transport between threads of one process.
#pragma once

#include <memory>
#include <vector>

#include "framework/communication/transport.hpp"

namespace xtape {

/// The connected transports of `size` ranks.
std::vector<std::unique_ptr<Transport>> thread_transports(int size);

}  // namespace xtape
