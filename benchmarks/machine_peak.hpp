// The FMA peak of the processor, measured with independent fused multiply-adds in registers.
#pragma once

namespace xtape::bench {

/// The float32 operations per second of all threads together, counting two per multiply-add. It is the best of `tries`
/// runs of a few milliseconds, so that other programs on the machine have little influence. Uses the widest vectors of
/// the processor: AVX-512, AVX2, or else vectors of 16 bytes.
double measure_peak(int threads, int tries = 10);

}  // namespace xtape::bench
