#include "models/weights.hpp"

#include <algorithm>
#include <map>

#include "framework/io/safetensors.hpp"

namespace xtape {
namespace {

constexpr std::size_t most_listed = 8;

/// "; 2 missing: a/kernel, a/bias"; nothing for none, and not all when there are many.
std::string listed(std::string_view what, std::vector<std::string> names) {
  if (names.empty()) return "";
  const std::size_t count = names.size();
  if (count > most_listed) {
    names.resize(most_listed);
    names.emplace_back("...");
  }
  return fmt::format("; {} {}: {}", count, what, fmt::join(names, ", "));
}

}  // namespace

void save_weights(const Model& model, const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, parameter] : model.named_parameters()) tensors.push_back({name, parameter.value()});
  save_safetensors(path, tensors, {{"format", "xtape"}, {"model", model.name()}});
}

void load_weights(const Model& model, const std::filesystem::path& path) {
  std::map<std::string, Tensor> given;
  for (auto& [name, tensor] : load_safetensors(path).tensors) given[name] = std::move(tensor);
  const auto wanted = model.named_parameters();
  std::vector<std::string> missing, unlike, unknown;
  for (const auto& [name, parameter] : wanted) {
    const auto found = given.find(name);
    if (found == given.end()) {
      missing.push_back(name);
    } else if (found->second.shape() != parameter.shape() || !is_floating(found->second.dtype())) {
      unlike.push_back(fmt::format("{} ({} {} for {} {})", name, found->second.dtype(), found->second.shape(),
                                   parameter.dtype(), parameter.shape()));
    }
    if (found != given.end()) found->second = found->second.to(parameter.dtype());
  }
  for (const auto& [name, tensor] : given) {
    const auto has_name = [&wanted_name = name](const auto& entry) { return entry.first == wanted_name; };
    if (std::ranges::none_of(wanted, has_name)) unknown.push_back(name);
  }
  check(missing.empty() && unlike.empty() && unknown.empty(),
        "load_weights: expected the {} parameters of model {} in {}, got {} tensors{}{}{}", wanted.size(), model.name(),
        path.string(), given.size(), listed("missing", missing), listed("of another shape or type", unlike),
        listed("unknown", unknown));
  for (const auto& [name, parameter] : wanted) parameter.set_value(given.at(name));
}

}  // namespace xtape
