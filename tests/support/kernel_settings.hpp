// What a test sets for all kernels is put back at the end of its scope.
#pragma once

#include "framework/kernels/engine.hpp"
#include "framework/kernels/parallel.hpp"

namespace xtape::test {

/// Remembers the number of threads, the instruction set and the method of convolutions, and puts them back; between
/// the two a test sets what it likes.
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
