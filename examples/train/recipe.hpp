// Recipes: what the train program does for each network by default.
#pragma once

#include <string>
#include <vector>
#include <xtape/xtape.hpp>

namespace xtape {

/// A network and how it is trained.
struct Recipe {
  std::string model, name;
  std::string about;
  std::string data;  ///< "fashion-mnist" or "signs": what is read when no folder is given
  std::function<Model(const Dataset& train, std::uint64_t seed)> build;
  int epochs;
  std::int64_t batch_size;
  double learning_rate;
  bool cosine;          ///< the learning rate falls to 0 along a cosine, after one warm-up epoch
  double weight_decay;  ///< decoupled (AdamW); 0 for plain Adam
  double target;        ///< test accuracy that this recipe promises
};

/// The recipe by name; Error with those there are when there is none. An empty name means the model's first.
const Recipe& find_recipe(const std::string& model, const std::string& name);

/// All of them, a line each, for --help.
std::string recipes_text();

}  // namespace xtape
