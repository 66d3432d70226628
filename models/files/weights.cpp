#include "models/files/weights.hpp"

#include <algorithm>
#include <map>

#include "framework/amount.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/file_format.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/io/torch_file.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"
#include "models/files/keras_weights.hpp"
#include "models/files/torch_weights.hpp"

namespace xtape {
namespace {

constexpr std::size_t most_listed = 20;

/// A list of names for a message, "; 2 missing: a/kernel, a/bias"; empty without names; shortened if there are many.
/// Control characters are replaced.
std::string listed(std::string_view what, std::vector<std::string> names) {
  if (names.empty()) return "";
  const std::size_t count = names.size();
  if (count > most_listed) {
    names.resize(most_listed);
    names.emplace_back("...");
  }
  return printable(fmt::format("; {} {}: {}", count, what, fmt::join(names, ", ")));
}

StoredWeights read_weights(const Model& model, const std::filesystem::path& path) {
  const InputFile opened("load_weights", path);
  if (is_torch_file("load_weights", path)) {
    StoredWeights result{{}, model.named_parameters()};
    result.weights = from_torch(model, list_torch_file("load_weights", path));
    return result;
  }
  const std::string_view expected =
      has_extension(path, {".h5", ".hdf5"}) ? "an HDF5 file, as its name says" : "a safetensors, PyTorch or HDF5 file";
  check_neither_empty_nor_zip("load_weights", expected, opened, path.string());
  if (is_hdf5(opened)) return read_keras_weights(model, {keras_nodes(model)}, path);
  check(may_be_safetensors(opened), "load_weights: expected {}, got one of another format: {}", expected,
        path.string());
  StoredWeights result{{}, model.named_parameters()};
  result.weights = from_torch(model, list_safetensors(path));
  return result;
}

/// A parameter and its tensor in the file; null if there is none.
struct Candidate {
  std::string path;
  Parameter parameter;
  const StoredTensor* tensor;
};

std::vector<Candidate> match_names(const Model& model, const StoredWeights& file, const std::filesystem::path& path) {
  std::map<std::string, const StoredTensor*> given;
  for (const auto& [name, tensor] : file.weights) {
    const auto [known, fresh] = given.emplace(name, &tensor);
    check(fresh,
          "load_weights: expected one tensor for {}, got \"{}\" and \"{}\" in {}; .match = Match::order may help", name,
          known->second->name, tensor.name, path.string());
  }
  std::vector<Candidate> result;
  for (const auto& [name, parameter] : model.named_parameters()) {
    const auto found = given.find(name);
    result.push_back({name, parameter, found == given.end() ? nullptr : found->second});
  }
  return result;
}

std::vector<Candidate> match_order(const StoredWeights& file, const std::filesystem::path& path) {
  check(!file.order.empty() || file.weights.empty(),
        "load_weights: expected a file with an order of its tensors, got Keras 3's layout, which numbers the "
        "layers of each class, in {}; load it by name",
        path.string());
  std::vector<Candidate> result;
  for (const auto& [name, parameter] : file.order) {
    const std::size_t i = result.size();
    result.push_back({name, parameter, i < file.weights.size() ? &file.weights[i].tensor : nullptr});
  }
  return result;
}

bool fits(const Parameter& parameter, const StoredTensor& tensor) {
  return tensor.shape == parameter.shape() && tensor.dtype && is_floating(*tensor.dtype);
}

/// Whether a tensor without a parameter holds whole numbers, truth values or texts, which no parameter is stored as.
bool is_no_weight(const StoredTensor& tensor) {
  if (tensor.dtype) return !is_floating(*tensor.dtype);
  return std::ranges::any_of(std::initializer_list<std::string_view>{"I", "U", "BOOL", "strings", "enumerated"},
                             [&](std::string_view kind) { return tensor.type.starts_with(kind); });
}

LoadReport report_of(const std::vector<Candidate>& candidates, const StoredWeights& file) {
  LoadReport report;
  std::vector<const StoredTensor*> used;
  for (const auto& [path, parameter, tensor] : candidates) {
    if (!tensor) {
      report.missing.push_back(path);
      continue;
    }
    used.push_back(tensor);
    (fits(parameter, *tensor) ? report.matched : report.mismatched)
        .push_back({path, tensor->name, parameter.shape(), tensor->shape, parameter.dtype(), tensor->type});
  }
  std::ranges::sort(used);
  for (const StoredWeight& weight : file.weights) {
    if (std::ranges::binary_search(used, &weight.tensor)) continue;
    (is_no_weight(weight.tensor) ? report.left_out : report.unexpected).push_back(weight.tensor.name);
  }
  return report;
}

/// The advice of the error message.
std::string hint(const LoadReport& report, const StoredWeights& file, const LoadWeightsOptions& options) {
  std::string text;
  if (!report.matched.empty())
    text = fmt::format("; {{.strict = false}} loads the {} that match", report.matched.size());
  const bool fit_in_order = std::ranges::equal(file.order, file.weights, [](const auto& named, const auto& weight) {
    return fits(named.second, weight.tensor);
  });
  if (fit_in_order && options.match == Match::name) text += "; {.match = Match::order} goes by order instead of names";
  return text;
}

}  // namespace

std::string LoadReport::text() const {
  const std::size_t all = matched.size() + mismatched.size() + missing.size();
  std::string result = fmt::format("{} of {} matched", matched.size(), amount(all, "parameter"));
  std::map<std::string, int> converted;
  for (const Pair& p : matched) {
    if (p.stored_type != to_string(p.dtype)) ++converted[p.stored_type];
  }
  for (const auto& [type, count] : converted) result += fmt::format(", {} of them converted from {}", count, type);
  std::vector<std::string> unlike;
  for (const Pair& p : mismatched) {
    const std::string name = p.parameter == p.stored ? p.parameter : fmt::format("{} from {}", p.parameter, p.stored);
    unlike.push_back(fmt::format("{} ({} {} for {} {})", name, p.stored_type, p.stored_shape, p.dtype, p.shape));
  }
  return result + listed("missing", missing) + listed("of another shape or type", unlike) +
         listed("unexpected", unexpected) + listed("left out, as they hold no floating-point numbers", left_out);
}

void save_weights(const Model& model, const std::filesystem::path& path, const SaveWeightsOptions& options) {
  const bool torch = options.format == WeightsFormat::pytorch;
  check(!torch || has_extension(path, {".safetensors", ""}),
        "save_weights: expected a name that ends in .safetensors for PyTorch's format, got {}", path_text(path));
  if (has_extension(path, {".weights.h5"})) return write_keras3_weights(model, path);
  if (has_extension(path, {".h5", ".hdf5"})) return write_keras_weights(model, path);
  check(has_extension(path, {".safetensors", ""}),
        "save_weights: expected a name that ends in .safetensors, .h5 or .hdf5 (Keras 2) or .weights.h5 (Keras 3), in "
        "small or capital letters, got {}",
        path_text(path));
  if (torch) return save_safetensors(path, to_torch(model), {{"format", "pt"}});
  std::vector<NamedTensor> tensors;
  for (const auto& [parameter_path, parameter] : model.named_parameters()) {
    tensors.push_back({parameter_path, parameter.value()});
  }
  save_safetensors(path, tensors, {{"format", "xtape"}, {"model", model.name()}});
}

LoadReport load_weights(const Model& model, const std::filesystem::path& path, const LoadWeightsOptions& options) {
  return load_stored_weights(model, read_weights(model, path), path, options);
}

LoadReport load_stored_weights(const Model& model, const StoredWeights& file, const std::filesystem::path& path,
                               const LoadWeightsOptions& options) {
  const auto candidates = options.match == Match::name ? match_names(model, file, path) : match_order(file, path);
  LoadReport report = report_of(candidates, file);
  check(report.complete() || !options.strict, "load_weights: expected the weights of {} in {}, got {}: {}{}",
        model.name().empty() ? "the model" : "model " + model.name(), path.string(),
        amount(file.weights.size(), "tensor"), report.text(), hint(report, file, options));
  std::vector<std::pair<Parameter, Tensor>>
      values;  // all are read before the first is set, so that a failure leaves the model unchanged
  for (const auto& [name, parameter, tensor] : candidates) {
    if (!tensor || !fits(parameter, *tensor)) continue;
    values.emplace_back(parameter, tensor->read().to(parameter.dtype()));
  }
  for (auto& [parameter, value] : values) parameter.set_value(std::move(value));
  return report;
}

}  // namespace xtape
