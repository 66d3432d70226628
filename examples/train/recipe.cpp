#include "examples/train/recipe.hpp"

#include "framework/io/utf8.hpp"

namespace xtape {
namespace {

/// Sets the options that depend on the data: the shape of the images and the number of classes.
ConvNetOptions fitted(ConvNetOptions options, const Dataset& train, std::uint64_t seed) {
  options.input = train.input_shape();
  options.classes = train.classes();
  options.seed = seed;
  return options;
}

Model small_network(const Dataset& train, std::uint64_t seed) {
  return conv_net(fitted(small_image_options(), train, seed));
}

Model lab_conv_net(const Dataset& train, std::uint64_t seed) { return conv_net(fitted({}, train, seed)); }

/// Three stages instead of two, with batch normalization, and dropout before the last layer.
Model better_conv_net(const Dataset& train, std::uint64_t seed) {
  const ConvNetOptions options{.stages = {{16, 3, 2}, {32, 3, 2}, {64, 3, 2}},
                               .batch_normalization = true,
                               .hidden_units = 64,
                               .dropout = 0.5,
                               .kernel_initializer = he_normal()};
  return conv_net(fitted(options, train, seed));
}

Model lab_resnet50(const Dataset& train, std::uint64_t seed) {
  return resnet50({.input = train.input_shape(), .classes = train.classes(), .seed = seed});
}

Model resnet20(const Dataset& train, std::uint64_t seed) {
  return cifar_resnet(20, {.input = train.input_shape(),
                           .classes = train.classes(),
                           .implementation = Implementation::torchvision,
                           .seed = seed});
}

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all{
      {"small", "default", "two convolutions and two dense layers for small images", "fashion-mnist", small_network, 64,
       4, 64, 2e-3, true, 0, 0.90},
      {"convnet", "better", "three convolutions with batch normalization and dropout", "signs", better_conv_net, 64, 60,
       32, 2e-3, true, 1e-2, 0.82},
      {"convnet", "lab", "the lab's two convolutions, with its settings", "signs", lab_conv_net, 64, 100, 64, 9e-3,
       false, 0, 0.60},
      {"resnet50", "default", "the lab's ResNet-50", "signs", lab_resnet50, 64, 20, 16, 2.5e-3, true, 0, 0.95},
      {"resnet20",
       "default",
       "ResNet-20 for small photographs",
       "cifar-10",
       resnet20,
       32,
       60,
       128,
       0.1,
       true,
       5e-4,
       0.88,
       0.9,
       {.horizontal_flip = true, .shift = 0.125, .fill = Fill::zeros}},
  };
  return all;
}

}  // namespace

bool is_data_of(const Recipe& recipe, const std::string& name, const Dataset& train) {
  static const std::vector<std::string> cifar10{"airplane", "automobile", "bird",  "cat",  "deer",
                                                "dog",      "frog",       "horse", "ship", "truck"};
  return name == recipe.data || (recipe.data == "cifar-10" && name == "photographs" && train.class_names() == cifar10);
}

std::string optimizer_name(const Recipe& recipe) {
  return recipe.momentum > 0 ? "SGD" : recipe.weight_decay > 0 ? "AdamW" : "Adam";
}

const Recipe& find_recipe(const std::string& model, const std::string& name) {
  for (const Recipe& recipe : recipes()) {
    if (recipe.model == model && (name.empty() || recipe.name == name)) return recipe;
  }
  fail("train: expected a model and a recipe of\n{}got --model {}{}", recipes_text(), visible(model),
       name.empty() ? "" : " --recipe " + name);
}

const Recipe& recipe_of_files() {
  static const Recipe recipe{"", "from a file", "the network of a file", "", nullptr, 0, 10, 32, 1e-4, true, 1e-2, 0};
  return recipe;
}

std::string recipes_text() {
  std::string text;
  for (const Recipe& r : recipes()) {
    text += fmt::format("  --model {:9} --recipe {:8} {}; {}, {} epochs, batch {}, rate {:g}{}\n", r.model, r.name,
                        r.about, r.data, r.epochs, r.batch_size, r.learning_rate, r.cosine ? " falling to 0" : "");
  }
  return text;
}

}  // namespace xtape
