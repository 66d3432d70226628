#include "training/data/table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "framework/io/csv.hpp"
#include "framework/io/npy.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"
#include "framework/parse_number.hpp"

namespace xtape {
namespace {

constexpr const char* reading = "load_csv";
constexpr float most = std::numeric_limits<float>::max();

/// The number of a text; nullopt if it is not one.
std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  return parse_number<double>(text);
}

/// Whether a text is a number that float64 can't hold.
bool is_out_of_range(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double ignored = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ignored);
  return error == std::errc::result_out_of_range && end == text.data() + text.size();
}

bool is_missing(const std::string& text) {
  return text.empty() || text == "NA" || text == "NaN" || text == "nan" || text == "N/A";
}

/// Collects the columns of a table.
class TableReader {
 public:
  TableReader(const std::filesystem::path& path, const CsvOptions& options) : path_(path.string()), options_(options) {
    check(options.label.empty() != options.targets.empty(),
          "{}: expected a label or targets, got {}; name the column of the classes, or the columns of the numbers to "
          "predict",
          reading, options.label.empty() ? "neither" : "both");
    check(std::isfinite(static_cast<float>(options.missing.value_or(0))),
          "{}: expected a number in the range of float32, up to {}, as the option missing, got {}", reading, most,
          *options.missing);
  }

  void add(const CsvRow& row) {
    if (columns_.empty()) {
      begin(row);
      if (options_.header) return;
    }
    check(row.fields.size() == columns_.size(), "{}: {}, line {}: expected {} fields as in the first row, got {}",
          reading, path_, row.line, columns_.size(), row.fields.size());
    for (const std::size_t column : features_) inputs_.push_back(number_at(row, column));
    for (const std::size_t column : targets_) numbers_.push_back(number_at(row, column));
    if (!options_.label.empty()) {
      const std::string& text = row.fields[*label_];
      check(!text.empty(), "{}: {}, line {}, column \"{}\": expected a class, got nothing", reading, path_, row.line,
            options_.label);
      const auto [known, fresh] = classes_.emplace(text, classes_.size());
      const std::vector<std::string>& names = options_.class_names;
      check(!fresh || names.empty() || std::ranges::find(names, text) != names.end(),
            "{}: {}, line {}, column \"{}\": expected one of the class_names, got \"{:.60}\"", reading, path_, row.line,
            options_.label, printable(text));
      labels_.push_back(known->second);
    }
    ++rows_;
  }

  Dataset dataset() const {
    check(rows_ > 0, "{}: expected rows of numbers, got none in {}", reading, path_);
    const Tensor input = tensor_of(inputs_, features_.size());
    if (options_.label.empty()) return {input, tensor_of(numbers_, targets_.size())};
    const std::vector<std::string> names = class_names();
    std::vector<std::int64_t> numbers(classes_.size());
    for (const auto& [text, first_seen] : classes_) {
      numbers[first_seen] = std::ranges::find(names, text) - names.begin();
    }
    Tensor labels = Tensor::empty({rows_}, DType::int64);
    std::ranges::transform(labels_, labels.mutable_data<std::int64_t>(), [&](std::size_t i) { return numbers[i]; });
    return with_place(reading, path_, [&] { return Dataset(input, labels, names); });
  }

 private:
  void begin(const CsvRow& row) {
    for (std::size_t i = 0; i < row.fields.size(); ++i) {
      columns_.push_back(options_.header ? row.fields[i] : fmt::format("{}", i));
    }
    if (!options_.label.empty()) label_ = column_of(options_.label);
    for (const std::string& name : options_.targets) targets_.push_back(column_of(name));
    for (const std::string& name : options_.features) features_.push_back(column_of(name));
    const std::set<std::size_t> used(targets_.begin(), targets_.end());
    std::set<std::string> names;
    for (std::size_t i = 0; options_.features.empty() && i < columns_.size(); ++i) {
      if (!names.insert(columns_[i]).second) column_of(columns_[i]);  // an Error
      if (label_ != i && !used.contains(i)) features_.push_back(i);
    }
    for (const auto* columns : {&options_.targets, &options_.features}) {
      const std::set<std::string> different(columns->begin(), columns->end());
      check(different.size() == columns->size(), "{}: expected different columns as {}, got ({})", reading,
            columns == &options_.targets ? "targets" : "features", fmt::join(*columns, ", "));
    }
    check(!features_.empty(), "{}: expected a column of features, got none in {}", reading, path_);
    for (const std::size_t feature : features_) {
      check(label_ != feature && !used.contains(feature),
            "{}: expected features that are not predicted, got column \"{}\" of {} as both", reading, columns_[feature],
            path_);
    }
  }

  std::size_t column_of(const std::string& name) const {
    const auto count = std::ranges::count(columns_, name);
    check(count == 1, "{}: expected one column \"{}\" in {}, got {}; the columns are {:.500}", reading, name, path_,
          count == 0 ? "none" : fmt::format("{}", count), printable(fmt::format("{}", fmt::join(columns_, ", "))));
    return static_cast<std::size_t>(std::ranges::find(columns_, name) - columns_.begin());
  }

  float number_at(const CsvRow& row, std::size_t column) const {
    const std::string& text = row.fields[column];
    std::optional<double> number = is_missing(text) ? options_.missing : number_of(text);
    const auto value = static_cast<float>(number.value_or(0));
    if (number && std::isfinite(value)) return value;
    const bool too_large = (number && std::isfinite(*number)) || is_out_of_range(text);
    fail("{}: {}, line {}, column \"{}\": expected a {}, got {}; {}", reading, path_, row.line,
         printable(columns_[column]).substr(0, 60),
         too_large ? fmt::format("number in the range of float32, up to {}", most) : "finite number",
         text.empty() ? "nothing" : fmt::format("\"{:.60}\"", printable(text)),
         is_missing(text) ? "the option missing gives a value for all missing numbers"
                          : "the option features selects columns");
  }

  Tensor tensor_of(const std::vector<float>& values, std::size_t columns) const {
    Tensor tensor = Tensor::empty({rows_, static_cast<std::int64_t>(columns)}, DType::float32);
    std::ranges::copy(values, tensor.mutable_data<float>());
    return tensor;
  }

  std::vector<std::string> class_names() const {
    if (!options_.class_names.empty()) return options_.class_names;
    std::vector<std::string> names;
    for (const auto& [text, first_seen] : classes_) names.push_back(text);
    if (std::ranges::all_of(names, [](const std::string& name) { return number_of(name).has_value(); })) {
      std::ranges::stable_sort(names, {}, [](const std::string& name) { return *number_of(name); });
    }
    return names;
  }

  std::string path_;
  const CsvOptions& options_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> features_, targets_;
  std::optional<std::size_t> label_;
  std::vector<float> inputs_, numbers_;
  std::vector<std::size_t> labels_;             // numbers of the classes in the order of their first rows
  std::map<std::string, std::size_t> classes_;  // sorted
  std::int64_t rows_ = 0;
};

/// The inputs of one part of an archive.
Tensor input_of(const std::filesystem::path& path, const std::string& name) {
  Tensor input = load_npz(path, name);
  if (input.dtype() != DType::uint8 || input.rank() != 3) return input;
  return input.reshaped({input.dim(0), input.dim(1), input.dim(2), 1});
}

/// The targets of one part: (n) int64 for classes.
Tensor target_of(const std::filesystem::path& path, const std::string& name) {
  Tensor target = load_npz(path, name);
  if (is_floating(target.dtype())) return target;
  check(target.rank() == 1 || (target.rank() == 2 && target.dim(1) == 1),
        "load_npz_data: {}: expected class numbers (n) or (n, 1), or floating numbers, in \"{}\", got {} {}",
        path.string(), name, target.dtype(), target.shape());
  return target.to(DType::int64).reshaped({target.dim(0)});
}

std::int64_t largest(const Tensor& labels) {
  const auto* const numbers = labels.data<std::int64_t>();
  return labels.size() == 0 ? -1 : *std::max_element(numbers, numbers + labels.size());
}

}  // namespace

Dataset load_csv(const std::filesystem::path& path, const CsvOptions& options) {
  TableReader reader(path, options);
  read_csv(reading, path, options.separator, [&](const CsvRow& row) { reader.add(row); });
  return reader.dataset();
}

SplitData load_npz_data(const std::filesystem::path& path, const NpzNames& names) {
  const Tensor train = target_of(path, names.train_target), test = target_of(path, names.test_target);
  check(train.dtype() == test.dtype(), "load_npz_data: {}: expected targets of one type, got {} and {}", path.string(),
        train.dtype(), test.dtype());
  const Tensor train_input = input_of(path, names.train_input), test_input = input_of(path, names.test_input);
  return with_place("load_npz_data", path.string(), [&]() -> SplitData {
    if (is_floating(train.dtype())) return {{train_input, train}, {test_input, test}};
    const std::int64_t highest = std::max(largest(train), largest(test));
    check(highest < 1'000'000, "expected class numbers below 1,000,000, got {}", highest);
    return {{train_input, train, highest + 1}, {test_input, test, highest + 1}};
  });
}

}  // namespace xtape
