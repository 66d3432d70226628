#include "framework/kernels/engine.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "framework/error.hpp"
#include "framework/kernels/simd/instruction_sets.hpp"

namespace xtape::kernels {
namespace {

struct Engines {
  InstructionSet set;
  Engine<float> single_precision;
  Engine<double> double_precision;
};

std::vector<Engines> build_engines() {
  std::vector<Engines> all{{InstructionSet::portable, simd::portable_engine<float>(), simd::portable_engine<double>()}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
    all.push_back({InstructionSet::avx2, simd::avx2_engine<float>(), simd::avx2_engine<double>()});
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")) {
    all.push_back({InstructionSet::avx512, simd::avx512_engine<float>(), simd::avx512_engine<double>()});
  }
#endif
  return all;
}

const std::vector<Engines>& engines() {
  static const std::vector<Engines> all = build_engines();
  return all;
}

std::string names_of_available() {
  std::string names;
  for (const Engines& one : engines()) names += (names.empty() ? "" : ", ") + std::string(to_string(one.set));
  return names;
}

/// Error naming `source` when there is none of that name.
const Engines* engines_named(std::string_view name, std::string_view source) {
  for (const Engines& one : engines()) {
    if (to_string(one.set) == name) return &one;
  }
  fail("{}: expected an instruction set of this processor ({}), got '{}'", source, names_of_available(), name);
}

std::atomic<const Engines*>& chosen() {
  static std::atomic<const Engines*> engines_in_use = [] {
    const char* wanted = std::getenv("XTAPE_ISA");
    return wanted ? engines_named(wanted, "XTAPE_ISA") : &engines().back();
  }();
  return engines_in_use;
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
    case InstructionSet::avx512: return "avx512";
  }
  return "?";
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const Engines& one : engines()) sets.push_back(one.set);
  return sets;
}

InstructionSet instruction_set() { return chosen().load(std::memory_order_relaxed)->set; }

void set_instruction_set(InstructionSet set) { chosen().store(engines_named(to_string(set), "set_instruction_set")); }

bool exact_convolutions() { return exact().load(std::memory_order_relaxed); }
void set_exact_convolutions(bool wanted) { exact().store(wanted); }

template <>
const Engine<float>& engine<float>() {
  return chosen().load(std::memory_order_relaxed)->single_precision;
}
template <>
const Engine<double>& engine<double>() {
  return chosen().load(std::memory_order_relaxed)->double_precision;
}

}  // namespace xtape::kernels
