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
  std::string data;  ///< "fashion-mnist" or "signs": the data that is read when no folder is given
  std::function<Model(const Dataset& train, std::uint64_t seed)> build;
  int epochs;
  std::int64_t batch_size;
  double learning_rate;
  bool cosine;          ///< the learning rate decreases to 0 along a cosine, after one warm-up epoch
  double weight_decay;  ///< decoupled (AdamW); 0 for plain Adam
  double target;        ///< the test accuracy that this recipe reaches
};

/// The recipe with this name. Error with the existing names when there is none. An empty name means the first recipe of
/// the model.
const Recipe& find_recipe(const std::string& model, const std::string& name);

/// All recipes, one in each line, for --help.
std::string recipes_text();

}  // namespace xtape
