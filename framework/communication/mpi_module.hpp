// The interface of xtape-mpi, the module that is linked with MPI and loaded by mpi_communicator().
#pragma once

#include <string>

#include "framework/communication/transport.hpp"

namespace xtape {

/// What the module's function `xtape_mpi_module` returns.
struct MpiModule {
  const char* version;  ///< of xtape
  /// Connects the processes that were started together. Called by the thread that will use the transport. Throws
  /// std::runtime_error.
  Transport* (*connect)();
};

}  // namespace xtape
