#include "framework/kernels/simd/engine.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>

#include "framework/error.hpp"
#include "framework/kernels/rounding.hpp"
#include "framework/kernels/simd/instruction_sets.hpp"

namespace xtape::kernels {
namespace {

/// An instruction set and its engines for both element types.
struct Setting {
  InstructionSet set;
  Engines<float> single_precision;
  Engines<double> double_precision;
};

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd");
}
#endif

/// The time in seconds of a small product whose operands are in the first-level cache.
double product_time(const Engine<float>& engine) {
  constexpr std::int64_t rows = 24, columns = 32, depth = 64;  // whole tiles of both engines
  static const std::vector<float> a(rows * depth), b(depth * columns);
  std::vector<float> c(rows * columns);
  std::array<const float*, rows> of_a;
  std::array<float*, rows> of_c;
  for (std::size_t i = 0; i < rows; ++i) {
    of_a[i] = a.data() + i * depth;
    of_c[i] = c.data() + i * columns;
  }
  const auto start = std::chrono::steady_clock::now();
  for (int repetition = 0; repetition < 4; ++repetition) {
    engine.multiply_rows({.rows = rows,
                          .columns = columns,
                          .segments = 1,
                          .length = depth,
                          .a = of_a.data(),
                          .zeros = nullptr,
                          .b = b.data(),
                          .c = of_c.data(),
                          .accumulate = false});
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Engines::wide_is_as_fast, measured in about 0.1 ms. The shortest of several times hardly depends on other programs.
bool is_as_fast(const Engine<float>& narrow, const Engine<float>& wide) {
  double narrow_time = 1, wide_time = 1;
  for (int round = 0; round < 8; ++round) {
    narrow_time = std::min(narrow_time, product_time(narrow));
    wide_time = std::min(wide_time, product_time(wide));
  }
  return wide_time < 0.75 * narrow_time;
}

std::vector<Setting> build_settings() {
  static const Engine<float> portable = simd::portable_engine<float>();
  static const Engine<double> portable64 = simd::portable_engine<double>();
  std::vector<Setting> all{{InstructionSet::portable, {&portable, &portable}, {&portable64, &portable64}}};
#if defined(__x86_64__)
  static const Engine<float> avx2 = simd::avx2_engine<float>(), avx512 = simd::avx512_engine<float>();
  static const Engine<double> avx2_64 = simd::avx2_engine<double>(), avx512_64 = simd::avx512_engine<double>();
  if (has_avx2()) all.push_back({InstructionSet::avx2, {&avx2, &avx2}, {&avx2_64, &avx2_64}});
  if (has_avx512()) {
    all.push_back({InstructionSet::avx512_only, {&avx512, &avx512}, {&avx512_64, &avx512_64}});
    const bool as_fast = is_as_fast(avx2, avx512);
    all.push_back({InstructionSet::avx512, {&avx2, &avx512, as_fast}, {&avx2_64, &avx512_64, as_fast}});
  }
#endif
  return all;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = build_settings();
  return all;
}

std::string names_of_available() {
  std::string names;
  for (const Setting& one : settings()) names += (names.empty() ? "" : ", ") + std::string(to_string(one.set));
  return names;
}

/// The setting with this name. Error with the name `source` if there is none.
const Setting* setting_named(std::string_view name, std::string_view source) {
  for (const Setting& one : settings()) {
    if (to_string(one.set) == name) return &one;
  }
  fail("{}: expected an instruction set of this processor ({}), got '{}'", source, names_of_available(), name);
}

std::atomic<const Setting*>& chosen() {
  static std::atomic<const Setting*> in_use = [] {
    const char* wanted = std::getenv("XTAPE_ISA");
    return wanted ? setting_named(wanted, "XTAPE_ISA") : &settings().back();
  }();
  return in_use;
}

std::atomic<bool>& exact() {
  static std::atomic<bool> wanted = [] {
    const char* text = std::getenv("XTAPE_EXACT");
    const std::string_view given = text ? text : "0";
    check(given == "0" || given == "1", "XTAPE_EXACT: expected 0 or 1, got '{}'", given);
    return given == "1";
  }();
  return wanted;
}

}  // namespace

std::string_view to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::portable: return "portable";
    case InstructionSet::avx2: return "avx2";
    case InstructionSet::avx512_only: return "avx512_only";
    case InstructionSet::avx512: return "avx512";
  }
  return "?";
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const Setting& one : settings()) sets.push_back(one.set);
  return sets;
}

InstructionSet instruction_set() { return chosen().load(std::memory_order_relaxed)->set; }

void set_instruction_set(InstructionSet set) { chosen().store(setting_named(to_string(set), "set_instruction_set")); }

bool exact_convolutions() { return exact().load(std::memory_order_relaxed); }
void set_exact_convolutions(bool wanted) { exact().store(wanted); }

template <class T>
const Engine<T>& Engines<T>::best_for(std::int64_t columns, std::int64_t rows, std::int64_t depth) const {
  constexpr std::int64_t few_rows = 4;        // too few sums to hide the latency, so fewer panels are faster
  constexpr std::int64_t shallow_depth = 80;  // for less depth, writing C takes most of the time
  if (wide_is_as_fast) return columns <= narrow->vector_columns ? *narrow : *wide;
  if (columns <= narrow->tile_columns) return *narrow;
  if (rows < few_rows) return *wide;
  if (depth < shallow_depth) return *narrow;
  // If a vector of twice the width takes twice the time, the time is proportional to the number of columns computed,
  // including those beyond the last column. If the numbers are about equal, wide vectors are faster, because they need
  // fewer instructions.
  const auto computed = [columns](const Engine<T>& e) {
    return ceil_div(columns, e.vector_columns) * e.vector_columns;
  };
  return 16 * computed(*wide) >= 17 * computed(*narrow) ? *narrow : *wide;
}
template struct Engines<float>;
template struct Engines<double>;

template <>
const Engines<float>& engines_in_use<float>() {
  return chosen().load(std::memory_order_relaxed)->single_precision;
}
template <>
const Engines<double>& engines_in_use<double>() {
  return chosen().load(std::memory_order_relaxed)->double_precision;
}

}  // namespace xtape::kernels
