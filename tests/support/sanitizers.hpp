// Whether this program is built with a sanitizer, which changes the results of some tests.
#pragma once

// NOLINTBEGIN(bugprone-reserved-identifier): the sanitizers' own names, null in programs without them.
extern "C" {
[[gnu::weak]] void __asan_init();
[[gnu::weak]] void __tsan_init();
[[gnu::weak]] int __asan_address_is_poisoned(const volatile void* address);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace xtape::test {

inline bool address_sanitizer() { return __asan_init != nullptr; }
inline bool thread_sanitizer() { return __tsan_init != nullptr; }

/// Whether the address sanitizer would stop the program for touching this byte; false without it.
inline bool forbidden(const void* address) { return address_sanitizer() && __asan_address_is_poisoned(address) != 0; }

}  // namespace xtape::test
