// Two inputs and two outputs: from a picture of a piece of clothing and two numbers about it the model predicts the
// kind and the price.
#include "examples/program.hpp"
using namespace xtape;

/// Fashion-MNIST with two numbers from 0 to 1 for each picture, size and wear, and a price that depends on them and on
/// the kind.
Dataset shop(const Dataset& clothes, std::uint64_t seed) {
  const std::vector<double> bases{1, 4, 3, 5, 8, 3.5, 2, 6, 4.5, 9};  // of the ten kinds, in tens of a currency
  const Tensor details = RandomStream(seed).uniform({clothes.size(), 2});
  const auto* kind = clothes.target().data<std::int64_t>();
  std::vector<double> prices;
  for (std::int64_t i = 0; i < clothes.size(); ++i) {
    const double size = details.at({i, 0}), wear = details.at({i, 1});
    prices.push_back(bases[static_cast<std::size_t>(kind[i])] * (0.75 + 0.5 * size) * (1 - 0.6 * wear));
  }
  return {{clothes.input(), details},
          {{.values = clothes.target(), .class_names = clothes.class_names()},
           {.values = Tensor::of({clothes.size(), 1}, prices)}}};
}

/// The price is computed from the features of the picture and from the numbers, the kind from the picture alone.
Model appraiser() {
  const auto picture = Input({28, 28, 1}), details = Input({2});
  auto x = Conv2D({.filters = 16, .kernel_size = 3, .activation = relu})(picture);
  x = Conv2D({.filters = 32, .kernel_size = 3, .activation = relu})(MaxPooling2D()(x));
  x = Dense({.units = 64, .activation = relu})(Flatten()(MaxPooling2D()(x)));
  const auto kind = Dense({.units = 10, .name = "kind"})(x);
  auto y = Concatenate()({x, details});
  y = Dense({.units = 64, .activation = relu})(y);
  y = Dense({.units = 32, .activation = relu})(y);
  const auto price = Dense({.units = 1, .name = "price"})(y);
  return Model({picture, details}, {kind, price}, {.name = "appraiser", .seed = 1});
}

int main(int argc, char** argv) {
  const std::string about = "Trains a network of two inputs and two outputs (Debian's package dataset-fashion-mnist)";
  return run_example(argc, argv, about, [](bool quick) {
    auto [clothes, unseen] = load_fashion_mnist();
    if (quick) clothes = clothes.rows(0, 6400), unseen = unseen.rows(0, 1000);
    const Dataset train = shop(clothes, 1), test = shop(unseen, 2);

    Model model = appraiser();
    fmt::print("{}\n", model.summary());
    const Losses losses{{loss::softmax_cross_entropy()}, {loss::mean_squared_error(), 0.5}};
    const Metrics metrics{{metric::accuracy(), "kind"},
                          {metric::top_k_accuracy({.k = 3}), "kind"},
                          {metric::mean_absolute_error(), "price"},
                          {metric::r2(), "price"}};
    const int epochs = quick ? 2 : 4;
    Adam adam(model.parameters(), {.learning_rate = schedule::cosine(2e-3, epochs * train.size() / 64)});
    fit(model, adam, train,
        {.epochs = epochs,
         .batch_size = 64,
         .validation_split = 0.1,
         .loss = losses,
         .metrics = metrics,
         .callbacks = {EarlyStopping({.monitor = "val_price_mean_absolute_error", .patience = 2})}});

    const Figures result = evaluate(model, test, {.batch_size = 64, .loss = losses, .metrics = metrics});
    fmt::print("test: {}\n", to_string(result));
    const std::vector<Tensor> first = predict_all(model, test.rows(0, 1));
    fmt::print("the first piece is a {}, worth {:.1f}; paid {:.1f}\n",
               test.targets()[0].class_names[static_cast<std::size_t>(top_classes(first[0]).item())],
               10 * first[1].item(), 10 * test.targets()[1].values.at({0, 0}));
    return result["kind_accuracy"] > (quick ? 0.6 : 0.87) && result["price_r2"] > (quick ? 0.4 : 0.85);
  });
}
