// Recipes: the default settings of the train program for each network.
#pragma once

#include <string>
#include <vector>
#include <xtape/xtape.hpp>

namespace xtape {

/// A network and the settings of its training.
struct Recipe {
  std::string model, name;
  std::string about;
  std::string
      data;  ///< the data of the target: "fashion-mnist", which is read when no folder is given, "signs", "cifar-10"
  std::function<Model(const Dataset& train, std::uint64_t seed)> build;
  std::int64_t image_size;  ///< height and width that photographs are brought to
  int epochs;
  std::int64_t batch_size;
  double learning_rate;
  bool cosine;          ///< the learning rate decreases to 0 along a cosine, after one warm-up epoch
  double weight_decay;  ///< decoupled for AdamW; 0 for plain Adam
  double target;        ///< the test accuracy that this recipe reaches
  double momentum = 0;  ///< above 0: SGD with Nesterov's momentum instead of Adam
  Augmentation augmentation = {};
};

/// Whether these are the images that the target of the recipe holds for. `name` is that of load_data(); photographs
/// with CIFAR-10's classes are CIFAR-10.
bool is_data_of(const Recipe& recipe, const std::string& name, const Dataset& train);

/// "SGD", "AdamW" or "Adam".
std::string optimizer_name(const Recipe& recipe);

/// The recipe with this name. Error with the existing names when there is none. An empty name means the first recipe of
/// the model.
const Recipe& find_recipe(const std::string& model, const std::string& name);

/// How a network from a file is trained: with a small learning rate, and without a target. It has no build().
const Recipe& recipe_of_files();

/// All recipes, one in each line, for --help.
std::string recipes_text();

}  // namespace xtape
