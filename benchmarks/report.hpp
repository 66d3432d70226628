// The report of the measurements, as Markdown and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "benchmarks/measurement.hpp"

namespace xtape::bench {

/// Facts about the machine: processor, cores, load, FMA peak, and environment variables that change speed. The peak is
/// the median of the measurements, for each number of threads.
nlohmann::json machine_facts(const std::vector<Measurement>& measurements);
/// These facts in a few lines of Markdown.
std::string machine_text(const nlohmann::json& facts);

/// The table in Markdown, with one row per measurement: medians with the smallest and largest round, ratio, memory, and
/// share of the peak.
std::string table(const std::vector<Measurement>& measurements);
/// All data of a measurement, round by round.
nlohmann::json to_json(const Measurement& measurement);

/// A time with three digits: "412 ms", "4.12 ms", "15.3 s".
std::string duration(double seconds);
/// A size in megabytes: "947 MB". "-" if it is unknown, that is, not positive.
std::string megabytes(std::int64_t bytes);

}  // namespace xtape::bench
