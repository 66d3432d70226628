// Detection of one object: a network says what is in a picture and where. One output is the kind, another the box; each
// has its own loss.
#include <algorithm>
#include <cmath>

#include "examples/program.hpp"
using namespace xtape;

/// Fashion-MNIST's pictures at a random place and size in larger ones (n, 64, 64, 1) with noise: the kind and the box
/// (top, left, height, width), as shares of the picture.
Dataset scenes(const Dataset& clothes, std::uint64_t seed) {
  constexpr std::int64_t size = 64;
  RandomStream random(seed);
  const Tensor draws = random.uniform({clothes.size(), 3});
  Tensor pictures = random.uniform({clothes.size(), size, size, 1}, 0, 0.3);
  std::vector<double> boxes;
  for (std::int64_t i = 0; i < clothes.size(); ++i) {
    const auto side = 20 + static_cast<std::int64_t>(29 * draws.at({i, 0}));
    const auto place = [&](std::int64_t number) {
      return static_cast<std::int64_t>(draws.at({i, number}) * static_cast<double>(size - side + 1));
    };
    const std::int64_t top = place(1), left = place(2);
    const Tensor piece = resize_image(clothes.input().rows(i, i + 1).reshaped({28, 28, 1}), side, side);
    const std::uint8_t* from = piece.data<std::uint8_t>();
    float* to = pictures.mutable_data<float>() + (i * size + top) * size + left;
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        float& pixel = to[y * size + x];
        pixel = std::max(pixel, static_cast<float>(from[y * side + x]) / 255);
      }
    }
    for (const std::int64_t pixels : {top, left, side, side}) boxes.push_back(static_cast<double>(pixels) / size);
  }
  return {{pictures},
          {{.values = clothes.target(), .class_names = clothes.class_names()},
           {.values = Tensor::of({clothes.size(), 4}, boxes)}}};
}

/// The mean over all pictures of the intersection of both boxes divided by their union.
double overlap(const Tensor& found, const Tensor& wanted) {
  double total = 0;
  for (std::int64_t i = 0; i < found.dim(0); ++i) {
    const auto shared = [&](std::int64_t begin) {
      const double a = found.at({i, begin}), b = wanted.at({i, begin});
      const double end = std::min(a + found.at({i, begin + 2}), b + wanted.at({i, begin + 2}));
      return std::max(0.0, end - std::max(a, b));
    };
    const auto area = [&](const Tensor& box) { return box.at({i, 2}) * box.at({i, 3}); };
    const double both = shared(0) * shared(1);
    total += both / (area(found) + area(wanted) - both);
  }
  return total / static_cast<double>(found.dim(0));
}

Model detector() {
  const auto picture = Input({64, 64, 1});
  auto x = picture;
  for (const std::int64_t filters : {16, 32, 64, 64}) {
    x = Conv2D({.filters = filters, .kernel_size = 3, .padding = Padding::same, .use_bias = false})(x);
    x = MaxPooling2D()(Activation(relu)(BatchNormalization({.momentum = 0.9})(x)));
  }
  x = Dense({.units = 128, .activation = relu})(Flatten()(x));
  return Model({picture},
               {Dense({.units = 10, .name = "kind"})(x), Dense({.units = 4, .activation = sigmoid, .name = "box"})(x)},
               {.name = "detector", .seed = 1});
}

int main(int argc, char** argv) {
  const std::string about = "Trains a network that says what is where (Debian's package dataset-fashion-mnist)";
  return run_example(argc, argv, about, [](bool quick) {
    const auto [clothes, unseen] = load_fashion_mnist();
    const Dataset train = scenes(clothes.rows(0, quick ? 3200 : 20000), 1), test = scenes(unseen.rows(0, 2000), 2);
    Model model = detector();
    fmt::print("{}\n", model.summary());

    const Losses losses{{loss::softmax_cross_entropy()}, {loss::huber({.delta = 0.1}), 50}};
    const Metrics metrics{{metric::accuracy(), "kind"}, {metric::mean_absolute_error(), "box"}};
    const int epochs = quick ? 4 : 8;
    AdamW adam(model.parameters(),
               {.learning_rate = schedule::cosine(2e-3, epochs * train.size() / 64), .weight_decay = 1e-2});
    fit(model, adam, train, {.epochs = epochs, .batch_size = 64, .loss = losses, .metrics = metrics});

    const Figures result = evaluate(model, test, {.loss = losses, .metrics = metrics});
    const double boxes = overlap(predict_all(model, test)[1], test.targets()[1].values);
    fmt::print("test: {}; mean overlap of the boxes {:.3f}\n", to_string(result), boxes);
    return result["kind_accuracy"] > (quick ? 0.45 : 0.8) && boxes > (quick ? 0.5 : 0.8);
  });
}
