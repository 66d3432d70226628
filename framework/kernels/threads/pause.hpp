// A wait of some nanoseconds, for threads that wait for one another.
#pragma once

namespace xtape::kernels {

/// Tells the processor that the thread waits in a loop, so that the other thread of the core runs faster.
inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace xtape::kernels
