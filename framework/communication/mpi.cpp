// The communicator of MPI, which is in a separate module so that xtape itself does not need MPI.
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "framework/communication/communicator.hpp"
#include "framework/communication/mpi_module.hpp"
#include "framework/communication/progress.hpp"
#include "framework/helper_folders.hpp"
#include "framework/version.hpp"

namespace xtape {
namespace {

constexpr const char* module_name = "xtape-mpi.so";

std::filesystem::path module_path() {
  std::string folders;
  for (const std::filesystem::path& folder : helper_folders()) {
    std::filesystem::path path = folder / module_name;
    if (access(path.c_str(), R_OK) == 0) return path;
    folders += (folders.empty() ? "" : ", ") + folder.string();
  }
  fail(
      "mpi_communicator: expected the module {} in {}, got none; build xtape with libopenmpi-dev or libmpich-dev "
      "installed, or set XTAPE_HELPERS to the folder that has the module",
      module_name, folders);
}

/// Loads the module once; it is never unloaded, because MPI can't be.
const MpiModule& mpi_module() {
  const std::filesystem::path path = module_path();
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);  // MPI loads modules itself, which use its symbols
  check(handle != nullptr, "mpi_communicator: expected to load {}, got: {}; install the MPI that it was built with",
        path.string(), handle ? "" : dlerror());
  using Function = const MpiModule*();
  auto* function = reinterpret_cast<Function*>(dlsym(handle, "xtape_mpi_module"));
  check(function != nullptr, "mpi_communicator: expected a module of xtape, got {}", path.string());
  const MpiModule& module = *function();
  check(module.version == std::string_view(version()), "mpi_communicator: expected a module of xtape {}, got {} of {}",
        version(), path.string(), module.version);
  return module;
}

}  // namespace

std::shared_ptr<Communicator> mpi_communicator(const CommunicatorOptions& options) {
  check(options.timeout.count() > 0, "mpi_communicator: expected a timeout above 0, got {} ms",
        options.timeout.count());
  const MpiModule& module = mpi_module();
  static std::atomic<bool> called = false;
  check(
      !called.exchange(true),
      "mpi_communicator: expected one call in a process, because MPI can't be initialized again, got another; pass the "
      "communicator on");
  return std::make_shared<Communicator>(std::make_unique<ProgressThread>(
      [&module] { return std::unique_ptr<Transport>(module.connect()); }, options.timeout));
}

}  // namespace xtape
