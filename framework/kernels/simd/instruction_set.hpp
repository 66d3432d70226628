// The choice of the instruction set and of the convolution method: automatic, or made by the user.
#pragma once

#include <string_view>
#include <vector>

namespace xtape::kernels {

/// avx512 uses vectors of 32 or 64 bytes, depending on the shape of a product. avx512_only, for measurements and tests,
/// uses vectors of 64 bytes for every shape.
enum class InstructionSet { portable, avx2, avx512_only, avx512 };
/// The name of the instruction set, such as "avx2".
std::string_view to_string(InstructionSet set);

/// The instruction sets that both this processor and this build support, the fastest last.
std::vector<InstructionSet> available_instruction_sets();

/// The instruction set in use. Initially the one that the environment variable XTAPE_ISA names (by the names above), or
/// the fastest one if the variable is not set. Error if the named one is not available.
InstructionSet instruction_set();

/// Changes the instruction set. Results of different instruction sets differ by rounding. An operation that is running
/// finishes with the instruction set it began with. Error unless `set` is available.
void set_instruction_set(InstructionSet set);

/// Whether all float32 convolutions are computed by their definition. By default 3x3 convolutions of stride 1 use
/// Winograd's method, which is faster and has a relative error of about 2e-6 instead of 5e-7. Initially true if the
/// environment variable XTAPE_EXACT is 1. Error if the variable is neither 0 nor 1.
bool exact_convolutions();
/// Sets whether all float32 convolutions are computed by their definition; see exact_convolutions().
void set_exact_convolutions(bool exact);

}  // namespace xtape::kernels
