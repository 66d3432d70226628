// Which instructions and which method the kernels use: a user's choice, or what is best here.
#pragma once

#include <string_view>
#include <vector>

namespace xtape::kernels {

/// avx512 is the vectors of AVX-512 or of AVX2, whichever suits a shape; avx512_only, for measurements and tests, those
/// of AVX-512 whatever the shape.
enum class InstructionSet { portable, avx2, avx512_only, avx512 };
std::string_view to_string(InstructionSet set);

/// Those that this processor has and this program was built with, the fastest last.
std::vector<InstructionSet> available_instruction_sets();

/// The one in use: the fastest, or what XTAPE_ISA (a name of the above) says. Error when that is not available.
InstructionSet instruction_set();

/// Error unless `set` is available. Results differ between instruction sets by rounding. Operations that are running
/// finish with the one that they started with.
void set_instruction_set(InstructionSet set);

/// Whether convolutions in float32 are computed by their definition alone. By default 3x3 convolutions of stride 1 use
/// Winograd's method, which is faster and has a relative error of about 2e-6 instead of 5e-7. Initially what
/// XTAPE_EXACT says: 1 for yes.
bool exact_convolutions();
void set_exact_convolutions(bool exact);

}  // namespace xtape::kernels
