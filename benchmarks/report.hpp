// What was measured, for people (Markdown) and for programs (JSON).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/measurement.hpp"

namespace xtape::bench {

/// Processor, cores, load and peak of the machine, and what of its environment changes speed, as JSON. The peaks are
/// the medians of those measured with each number of threads.
nlohmann::json machine_facts(const std::vector<Measurement>& measurements);
/// The same in a few lines of Markdown.
std::string machine_text(const nlohmann::json& facts);

/// A row for each measurement: medians with smallest and largest round, ratio, memory, share of the peak.
std::string table(const std::vector<Measurement>& measurements);
/// Everything of a measurement, round by round.
nlohmann::json to_json(const Measurement& measurement);

/// "412 ms", "4.12 ms", "15.3 s".
std::string duration(double seconds);
/// "947 MB"; "-" when the system did not tell.
std::string megabytes(std::int64_t bytes);

}  // namespace xtape::bench
