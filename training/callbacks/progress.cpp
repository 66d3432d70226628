#include "training/callbacks/progress.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "framework/error.hpp"

namespace xtape {
namespace {

constexpr double redraw_seconds = 0.1;
constexpr double log_seconds = 10;

/// A part of the line. If the line is too long, the parts with the largest `rank` are left out first; those with rank 0
/// last.
struct Part {
  std::string text;
  int rank;
};

std::string joined(const std::vector<Part>& parts) {
  std::string line;
  for (const Part& part : parts) line += (line.empty() ? "" : "  ") + part.text;
  return line;
}

/// The parts as one line of at most `width` characters.
std::string fitted(std::vector<Part> parts, std::size_t width) {
  std::string line = joined(parts);
  while (line.size() > width && parts.size() > 1) {
    parts.erase(std::ranges::max_element(parts, {}, &Part::rank));
    line = joined(parts);
  }
  return line.substr(0, width);
}

/// A progress bar such as "[=====>    ]" with `width` characters.
std::string bar(double share, std::size_t width) {
  const std::size_t inside = width - 2;
  const auto done = std::min(inside, static_cast<std::size_t>(share * static_cast<double>(inside)));
  std::string text = std::string(done, '=');
  if (done < inside) text += '>';
  text.resize(inside, ' ');
  return "[" + text + "]";
}

std::string epoch_text(int epoch, int epochs) {
  return fmt::format("epoch {:>{}}/{}", epoch, std::to_string(epochs).size(), epochs);
}

std::string speed_text(std::int64_t samples, double seconds) {
  const double speed = static_cast<double>(samples) / std::max(1e-9, seconds);
  return fmt::format("{:.{}f} samples/s", speed, speed < 10 ? 1 : 0);
}

/// The figures as parts, without those that do not describe the model. The loss is left out last, before it the first
/// metric; likewise for those of the validation.
std::vector<Part> parts_of(const Figures& figures) {
  std::vector<Part> parts;
  int rank = 8;
  bool metric = false, of_validation = false;
  for (const auto& [name, value] : figures) {
    if (name == "learning_rate" || name == "seconds") continue;
    Part& part = parts.emplace_back(Part{name + " " + figure_text(name, value), rank++});
    if (name == "loss") {
      part.rank = 1;
    } else if (name == "val_loss") {
      part.rank = 4;
    } else if (name.ends_with("_loss")) {
      continue;  // figures of single outputs are not shown
    } else if (!std::exchange(name.starts_with("val_") ? of_validation : metric, true)) {
      part.rank = 3;
    }
  }
  return parts;
}

void append(std::vector<Part>& parts, const std::vector<Part>& more) {
  parts.insert(parts.end(), more.begin(), more.end());
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string duration_text(double seconds) {
  constexpr double most = 3.6e9;  // a million hours
  const long long whole = std::llround(seconds > 0 ? std::min(seconds, most) : 0);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(ProgressPlan plan, ProgressOutput output) : plan_(plan), output_(std::move(output)) {
  check(output_.stream && output_.columns && output_.seconds,
        "Progress: expected a stream and functions for columns and seconds in ProgressOutput, got {}",
        output_.stream ? "an empty function" : "a null stream");
  start_ = output_.seconds();
}

Progress::~Progress() {
  if (line_open_) *output_.stream << '\n' << std::flush;
}

void Progress::train_end(TrainingState& run) {
  if (!run.stopping()) return;
  *output_.stream << (line_open_ ? "\n" : "") << "stopped: " << run.stop_reason << '\n' << std::flush;
  line_open_ = false;
}

void Progress::begin_epoch(int epoch, std::int64_t done) {
  epoch_ = epoch;
  samples_ = first_ = done;
  epoch_start_ = last_update_ = last_shown_ = now();
  if (const int columns = output_.columns(); columns > 0) redraw(columns, {});
}

void Progress::update(std::int64_t samples, const Figures& figures) {
  const bool first = samples_ == first_;
  samples_ = samples;
  last_update_ = now();
  const int columns = output_.columns();
  const double since = last_update_ - last_shown_;
  if (columns > 0 && (first || since >= redraw_seconds || samples == plan_.samples)) {
    redraw(columns, figures);
  } else if (columns <= 0 && since >= log_seconds && samples < plan_.samples) {
    write_line(figures);
  }
}

void Progress::update_validation(std::int64_t samples) {
  validation_seconds_ =
      (now() - last_update_) * static_cast<double>(plan_.validation_samples) / static_cast<double>(samples);
  const int columns = output_.columns();
  const double since = now() - last_shown_;
  if (since < (columns > 0 ? redraw_seconds : log_seconds)) return;
  std::vector<Part> parts{{epoch_text(epoch_, plan_.epochs), 0},
                          {fmt::format("validation {}/{}", samples, plan_.validation_samples), 1}};
  if (samples_ > first_) parts.push_back({"left " + duration_text(left_in_epoch()), 2});
  if (samples_ > first_ && epoch_ < plan_.epochs) parts.push_back({"in all " + duration_text(left_in_run()), 3});
  show(columns > 0 ? fitted(std::move(parts), static_cast<std::size_t>(columns - 1)) : joined(parts), columns);
}

double Progress::seconds_per_sample() const {
  return (last_update_ - epoch_start_) / static_cast<double>(samples_ - first_);
}

double Progress::left_in_epoch() const {
  if (samples_ == first_) return -1;
  const double per_sample = seconds_per_sample();
  const double validation =
      validation_seconds_ >= 0 ? validation_seconds_ : per_sample / 3 * static_cast<double>(plan_.validation_samples);
  return std::max(0.0, per_sample * static_cast<double>(plan_.samples - first_) + validation - (now() - epoch_start_));
}

double Progress::left_in_run() const {
  const double epoch = left_in_epoch();
  if (epoch < 0) return epoch;
  const double whole = finished_ > 0
                           ? epoch_start_ / finished_
                           : now() - epoch_start_ + epoch + static_cast<double>(first_) * seconds_per_sample();
  return epoch + whole * std::max(0, plan_.epochs - epoch_);
}

void Progress::redraw(int columns, const Figures& figures) {
  const auto width = static_cast<std::size_t>(columns - 1);  // some terminals wrap after the last column
  std::vector<Part> parts{{epoch_text(epoch_, plan_.epochs), 0}, {fmt::format("{}/{}", samples_, plan_.samples), 5}};
  if (samples_ > first_) {
    append(parts, parts_of(figures));
    parts.push_back({speed_text(samples_ - first_, last_update_ - epoch_start_), 6});
    parts.push_back({"left " + duration_text(left_in_epoch()), 2});
    if (epoch_ < plan_.epochs) parts.push_back({"in all " + duration_text(left_in_run()), 4});
  }
  const std::size_t used = joined(parts).size();
  if (used + 12 <= width) {
    const double share = static_cast<double>(samples_) / static_cast<double>(std::max<std::int64_t>(1, plan_.samples));
    parts.insert(parts.begin() + 1, {bar(share, std::min<std::size_t>(30, width - used - 2)), 7});
  }
  show(fitted(std::move(parts), width), columns);
}

void Progress::show(const std::string& line, int columns) {
  const char *const begin = columns > 0 ? "\r" : "", *const end =
                                                         columns > 0 ? "\x1b[K" : "\n";  // ESC [ K: clear the rest
  *output_.stream << begin << line << end << std::flush;
  line_open_ = columns > 0;
  last_shown_ = now();
}

void Progress::write_line(const Figures& figures) {
  show(fmt::format("{}  {}/{}  {}  {}  left {}  in all {}", epoch_text(epoch_, plan_.epochs), samples_, plan_.samples,
                   joined(parts_of(figures)), speed_text(samples_ - first_, last_update_ - epoch_start_),
                   duration_text(left_in_epoch()), duration_text(left_in_run())),
       0);
}

void Progress::end_epoch(const EpochResult& result) {
  const double ended = now();
  validation_seconds_ = ended - last_update_;
  ++finished_;
  std::vector<Part> parts{{epoch_text(result.epoch, plan_.epochs), 0}};
  append(parts, parts_of(result.figures));
  parts.push_back({speed_text(plan_.samples - first_, last_update_ - epoch_start_), 7});
  if (const auto seconds = result.figures.find("seconds")) parts.push_back({fmt::format("{:.1f} s", *seconds), 6});
  const int to_come = plan_.epochs - result.epoch;
  if (to_come > 0) parts.push_back({"left " + duration_text(ended / finished_ * to_come), 5});
  const int columns = output_.columns();
  std::ostream& stream = *output_.stream;
  if (columns > 0) {
    stream << '\r' << fitted(std::move(parts), static_cast<std::size_t>(columns - 1)) << "\x1b[K\n" << std::flush;
  } else {
    stream << (line_open_ ? "\n" : "") << joined(parts) << '\n' << std::flush;
  }
  line_open_ = false;
}

}  // namespace xtape
