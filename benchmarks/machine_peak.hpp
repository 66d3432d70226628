// What the processor could do: independent fused multiply-adds that never leave the registers.
#pragma once

namespace xtape::bench {

/// float32 operations per second, two for each multiply-add, of all threads together: the best of `tries` short runs
/// (a few milliseconds each), so that it says what is possible and not what else the machine is doing. Uses the
/// widest vectors the processor has (AVX-512, AVX2, else what the compiler makes of it).
double measure_peak(int threads, int tries = 10);

}  // namespace xtape::bench
