// Every option of every layer: its effect, and that files keep it.
#include <algorithm>
#include <map>

#include "layers/layers.hpp"
#include "models/files/model_file.hpp"
#include "models/graph/model.hpp"
#include "tests/layers/option_rows.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// The options of a layer's type that have another value in `changed`.
std::vector<std::string> differing(const LayerConfig& plain, const LayerConfig& changed) {
  REQUIRE(plain.fields.size() == changed.fields.size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < plain.fields.size(); ++i) {
    if (plain.fields[i] != changed.fields[i]) names.push_back(plain.fields[i].name);
  }
  return names;
}

struct Configs {
  LayerConfig first, second;
  std::vector<Shape> samples;
  DType dtype;
};

/// For each type with options its first plain layer's options, and all of them changed at once.
std::map<std::string, Configs> all_changed() {
  std::map<std::string, Configs> configs;
  for (const OptionRow& row : option_rows()) {
    const LayerConfig plain = row.plain->config(), changed = row.changed->config();
    const Configs first{plain, plain, row.samples, row.dtype};
    LayerConfig& all = configs.try_emplace(row.plain->type(), first).first->second.second;
    for (ConfigField& field : all.fields) {
      if (field.name == row.option) field.value = *find_field(changed, row.option);
    }
  }
  return configs;
}

}  // namespace

TEST_CASE("every option of every layer changes the layer as its definition says, and nothing else") {
  for (const OptionRow& row : option_rows()) {
    INFO(row.plain->type() << ", " << row.option);
    CHECK(differing(row.plain->config(), row.changed->config()) == std::vector<std::string>{row.option});
    const Trial plain(row.plain, row.samples, row.dtype), changed(row.changed, row.samples, row.dtype);
    row.check(plain, changed);
  }
}

TEST_CASE("every option of every layer has a row in the table") {
  const auto configs = all_changed();
  for (const auto& [type, factory] : builtin_layers()) {
    INFO(type);
    // The shape of the sample of an input differs in every row; the options of Operator depend on its function.
    if (type == InputLayer::type_name || type == "Operator") continue;
    const auto found = configs.find(type);
    if (found == configs.end()) {
      CHECK(factory(LayerConfig())->config().fields.empty());
      continue;
    }
    for (const ConfigField& field : found->second.first.fields) {
      INFO(field.name);
      CHECK(field != *std::ranges::find(found->second.second.fields, field.name, &ConfigField::name));
    }
  }
}

TEST_CASE("layers have no name of their own") {
  const auto configs = all_changed();
  for (const auto& [type, factory] : builtin_layers()) {
    if (type == InputLayer::type_name || type == "Operator") continue;
    const auto found = configs.find(type);
    CHECK(factory(found == configs.end() ? LayerConfig() : found->second.first)->name().empty());
  }
}

TEST_CASE("layers of nested models are restored from a file with every option different from its default") {
  const TemporaryFolder folder;
  for (const auto& [type, both] : all_changed()) {
    INFO(type);
    const auto& [plain, changed, samples, dtype] = both;
    const auto layer = builtin_layers().at(type)(changed);
    CHECK(layer->config() == changed);
    layer->rename("inner_layer");
    layer->set_trainable(false);
    const bool several = samples.size() > 1;
    const Shape sample = type == "Conv2D" ? Shape{9, 8, 2} : samples[0];
    const InputLayer::Options given{.shape = sample, .dtype = dtype};
    const auto innermost_input = Input(given), inner_input = Input(given), input = Input(given);
    std::vector<SymbolicTensor> inputs{innermost_input};
    if (several) inputs.push_back(innermost_input);
    const Model innermost(innermost_input, layer->connect_one(inputs), {.name = "innermost", .seed = 8});
    const Model inner(inner_input, innermost(inner_input), {.name = "inner"});
    const Model model(input, inner(input), {.name = "outer"});
    for (const auto& [path, parameter] : model.named_parameters()) {
      if (parameter.shape().rank() > 0) parameter.set_value(RandomStream(9).uniform(parameter.shape(), 0.5, 1.5));
    }
    save_model(model, folder / "model.safetensors");
    const Model loaded = load_model(folder / "model.safetensors");
    CHECK(loaded.name() == "outer");
    const auto nested = Model::from_layer(
        Model::from_layer(loaded.layer("inner").shared_from_this())->layer("innermost").shared_from_this());
    REQUIRE(nested);
    const Layer& back = nested->layer("inner_layer");
    CHECK(back.config() == changed);
    CHECK_FALSE(back.trainable());
    const auto before = model.named_parameters(), after = loaded.named_parameters();
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      CHECK(after[i].first == before[i].first);
      CHECK(identical(after[i].second.value(), before[i].second.value()));
      CHECK(after[i].second.trainable() == before[i].second.trainable());
    }
    RandomStream random(1);
    const Tensor x = random_samples(random, sample, dtype);
    for (const Mode mode : {Mode::inference, Mode::training}) {
      ForwardPass pass(mode, {.step = 0}), again(mode, {.step = 0});
      CHECK(identical(model(x, pass).value(), loaded(x, again).value()));
    }
  }
}
