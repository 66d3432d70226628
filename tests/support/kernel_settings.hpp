// Restores the global settings of kernels at the end of a scope.
#pragma once

#include "framework/kernels/simd/engine.hpp"
#include "framework/kernels/threads/parallel.hpp"

namespace xtape::test {

/// Saves the number of threads, the instruction set and the method of convolutions, and restores them at the end of the
/// scope.
class KernelSettings {
 public:
  KernelSettings() = default;
  explicit KernelSettings(int threads) { kernels::set_num_threads(threads); }
  KernelSettings(const KernelSettings&) = delete;
  KernelSettings& operator=(const KernelSettings&) = delete;
  ~KernelSettings() {
    kernels::set_num_threads(threads_);
    kernels::set_instruction_set(instruction_set_);
    kernels::set_exact_convolutions(exact_);
  }

 private:
  int threads_ = kernels::num_threads();
  kernels::InstructionSet instruction_set_ = kernels::instruction_set();
  bool exact_ = kernels::exact_convolutions();
};

}  // namespace xtape::test
