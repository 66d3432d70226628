// A Siamese network (Hadsell, Chopra, LeCun: Dimensionality reduction by learning an invariant mapping, CVPR 2006): one
// encoder reads two pictures; the distance of its outputs says whether they show the same kind of clothes. It also
// separates kinds that it has never seen.
#include "examples/program.hpp"
using namespace xtape;

/// Pairs of pictures of the kinds [first, last), half of them of one kind; the target is 1 for the same kind, else 0.
Dataset pairs(const Dataset& clothes, std::int64_t first, std::int64_t last, std::int64_t count, std::uint64_t seed) {
  std::vector<std::vector<std::int64_t>> of_kind(10);
  const auto* kind = clothes.target().data<std::int64_t>();
  for (std::int64_t i = 0; i < clothes.size(); ++i) of_kind[static_cast<std::size_t>(kind[i])].push_back(i);
  const Tensor draws = RandomStream(seed).uniform({count, 4});
  const auto pick = [&](std::int64_t row, std::int64_t number, std::int64_t below) {
    return static_cast<std::int64_t>(draws.at({row, number}) * static_cast<double>(below));
  };
  std::vector<std::int64_t> left, right;
  std::vector<double> same;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t kinds = last - first, a = pick(i, 0, kinds);
    const std::int64_t b = i % 2 == 0 ? a : (a + 1 + pick(i, 1, kinds - 1)) % kinds;
    const auto& lefts = of_kind[static_cast<std::size_t>(first + a)];
    const auto& rights = of_kind[static_cast<std::size_t>(first + b)];
    left.push_back(lefts[static_cast<std::size_t>(pick(i, 2, std::ssize(lefts)))]);
    right.push_back(rights[static_cast<std::size_t>(pick(i, 3, std::ssize(rights)))]);
    same.push_back(a == b ? 1 : 0);
  }
  return {{clothes.subset(left).input(), clothes.subset(right).input()}, {{.values = Tensor::of({count, 1}, same)}}};
}

/// The distances (n, 1) of vectors (n, k), given their differences.
Variable norm(const Variable& difference) { return sqrt(sum(square(difference), {1}, true) + 1e-6); }

/// Pairs of one kind are drawn together, others are pushed apart up to the distance 1.
Variable contrastive(const Variable& distance, const Tensor& same) {
  const Variable gap = relu(1.0 - distance);
  return mean(same * square(distance) + (1.0 - same) * square(gap));
}

Model make_encoder() {
  const auto picture = Input({28, 28, 1});
  auto x = Conv2D({.filters = 16, .kernel_size = 3, .activation = relu})(picture);
  x = Conv2D({.filters = 32, .kernel_size = 3, .activation = relu})(MaxPooling2D()(x));
  x = Dense({.units = 64, .activation = relu})(Flatten()(MaxPooling2D()(x)));
  return Model(picture, Dense({.units = 16})(x), {.name = "encoder", .seed = 1});
}

int main(int argc, char** argv) {
  const std::string about = "Trains one encoder on pairs of pictures (Debian's package dataset-fashion-mnist)";
  return run_example(argc, argv, about, [](bool quick) {
    const auto [clothes, unseen] = load_fashion_mnist();
    const Model encoder = make_encoder();
    const auto left = Input({28, 28, 1}), right = Input({28, 28, 1});
    const auto difference = encoder(left) - encoder(right);
    Model model({left, right}, Lambda({.function = norm, .function_name = "norm"})(difference), {.name = "siamese"});
    fmt::print("{}\n", model.summary());

    // the kinds 0 to 7; sandals to boots share no kind with the two that are left out
    const Dataset train = pairs(clothes, 0, 8, quick ? 6400 : 40000, 1);
    const int epochs = quick ? 3 : 6;
    Adam adam(model.parameters(), {.learning_rate = schedule::cosine(2e-3, epochs * train.size() / 64)});
    fit(model, adam, train, {.epochs = epochs, .batch_size = 64, .loss = Loss("contrastive", contrastive)});

    const auto accuracy = [&](const Dataset& data) {
      const std::vector<Tensor> outputs = predict_all(model, data);
      const std::vector<double> distances = outputs[0].to_vector(), same = data.target().to_vector();
      double right_ones = 0;
      for (std::size_t i = 0; i < same.size(); ++i) right_ones += (distances[i] < 0.5) == (same[i] == 1) ? 1 : 0;
      return right_ones / static_cast<double>(same.size());
    };
    const double known = accuracy(pairs(unseen, 0, 8, 4000, 2)), other = accuracy(pairs(unseen, 8, 10, 4000, 3));
    fmt::print(
        "share of pairs judged correctly: {:.3f} for the kinds of the training data, {:.3f} for new kinds, bags and "
        "boots\n",
        known, other);
    return known > (quick ? 0.75 : 0.88) && other > (quick ? 0.6 : 0.75);
  });
}
