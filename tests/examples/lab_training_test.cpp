// The training runs of lab, on a few generated images in place of SIGNS.
#include <map>
#include <xtape/xtape.hpp>

#include "framework/io/hdf5.hpp"
#include "tests/examples/programs.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

constexpr std::uint64_t seed_of_lab = 3;

/// Writes the images of one part of SIGNS.
void write_signs_part(const std::filesystem::path& folder, const std::string& part, const Tensor& images,
                      const std::vector<std::int64_t>& labels) {
  save_hdf5(folder / (part + "_signs.h5"), {{part + "_set_x", images},
                                            {part + "_set_y", Tensor::labels(labels)},
                                            {"list_classes", Tensor::labels({0, 1, 2, 3, 4, 5})}});
}

/// The beginning of a row of lab's table, up to xtape's numbers.
std::string row_of(const std::string& quantity, const std::string& report, const std::string& ours) {
  return fmt::format("{:<25}{:<25}{} ", quantity, report, ours);
}

std::string quality(const Figures& figures) {
  return fmt::format("{:.4f} {:.4f}", figures["loss"], figures["accuracy"]);
}

/// ResNet-50 with bias-corrected averages that has all numbers of another, and 2 as the number of steps.
Model corrected(const Model& trained) {
  Model model = resnet50({.residual = {.bias_correction = true}});
  std::map<std::string, Parameter> known;
  for (const auto& [path, parameter] : trained.named_parameters()) known.emplace(path, parameter);
  for (const auto& [path, parameter] : model.named_parameters()) {
    const auto found = known.find(path);
    parameter.set_value(found == known.end() ? Tensor::scalar(2) : found->second.value());
  }
  return model;
}

}  // namespace

TEST_CASE("lab trains both networks of the report, and counts the targets that it misses") {
  const Programs run;
  const Tensor images = (RandomStream(1).uniform({6, 64, 64, 3}, 0, 255)).to(DType::uint8),
               unseen = (RandomStream(2).uniform({5, 64, 64, 3}, 0, 255)).to(DType::uint8);
  const std::vector<std::int64_t> labels{0, 1, 2, 3, 4, 5};
  const Dataset train(images, Tensor::labels(labels), 6);
  Model resnet = resnet50({.seed = seed_of_lab});
  Adam adam(resnet.parameters());
  const History history =
      fit(resnet, adam, train, {.epochs = 2, .batch_size = 32, .seed = seed_of_lab, .show_progress = false});
  // two of the five labels are what the network says: an accuracy of 0.4, which is not below 0.4
  std::vector<std::int64_t> wanted =
      top_classes(predict(resnet, Dataset(unseen, Tensor::labels({0, 0, 0, 0, 0}), 6))).to_vector<std::int64_t>();
  for (std::size_t i = 2; i < 5; ++i) wanted[i] = (wanted[i] + 1) % 6;
  const Dataset test(unseen, Tensor::labels(wanted), 6);
  write_signs_part(run.folder(), "train", images, labels);
  write_signs_part(run.folder(), "test", unseen, wanted);

  const Run result = run(fmt::format("lab/lab --data . --seed {}", seed_of_lab));
  const std::string& text = result.text;
  INFO(text);
  CHECK_THAT(text, Contains("\nTraining on 6 images, testing on 5 (the report's ResNet-50: 1080 and 120).\n"));
  CHECK_THAT(text,
             Contains("\nConvNet, Adam 0.009, batches of 64\n") && Contains("\nPart 2: training the ConvNet\n\n") &&
                 Contains("\nResNet-50, Adam 0.001, batches of 32\n") && Contains("\nPart 3: training ResNet-50\n\n"));
  Model convnet = conv_net(ConvNetOptions{.kernel_initializer = glorot_uniform().with_stream(0), .seed = 1});
  Adam other(convnet.parameters(), {.learning_rate = 0.009});
  fit(convnet, other, train, {.epochs = 100, .batch_size = 64, .seed = seed_of_lab, .show_progress = false});
  const auto accuracy_of = [&](const Model& model, const Dataset& data) { return evaluate(model, data)["accuracy"]; };
  CHECK_THAT(text, Contains("\nConvNet, 100 epochs     " +
                            row_of("accuracy, train", "0.9400", fmt::format("{:.4f}", accuracy_of(convnet, train)))));
  CHECK_THAT(text, Contains(row_of("accuracy, test", "0.7800", fmt::format("{:.4f}", accuracy_of(convnet, test)))));

  CHECK_THAT(text, Contains("\nepoch 1/2               " +
                            row_of("loss, accuracy", "3.2086 0.2454", quality(history.epochs()[0].figures))));
  CHECK_THAT(text, Contains("\nepoch 2/2               " +
                            row_of("loss, accuracy", "2.2404 0.3296", quality(history.epochs()[1].figures))));
  const Figures moving = evaluate(resnet, test);
  CHECK(moving["accuracy"] == 0.4);
  const std::string report = "2.3448 0.1667";
  CHECK_THAT(text, Contains(row_of("moving averages", report, quality(moving))));
  const std::string first = row_of("... bias-corrected", "", quality(evaluate(corrected(resnet), test)));
  // the averages of a training whose weights do not change, from mean 0 and variance 1 on
  for (const auto& [path, parameter] : resnet.named_parameters()) {
    if (path.ends_with("/moving_mean")) parameter.set_value(Tensor::zeros(parameter.shape()));
    if (path.ends_with("/moving_variance")) parameter.set_value(Tensor::ones(parameter.shape()));
  }
  const DataLoader loader(train, {.batch_size = 32, .seed = seed_of_lab});
  for (int epoch = 0; epoch < 2; ++epoch) {
    ForwardPass pass(Mode::training, {.record = false});
    resnet(loader.epoch(epoch)[0].input(), pass);
    pass.commit();
  }
  const std::string at_rest = row_of("same, weights at rest", "", quality(evaluate(resnet, test)));
  const std::string second = row_of("... bias-corrected", "", quality(evaluate(corrected(resnet), test)));
  recalibrate_batch_norm(resnet, train, {.batch_size = 32, .seed = seed_of_lab});
  const Figures anew = evaluate(resnet, test);
  std::size_t at = 0;
  for (const std::string& row : {first, at_rest, second, row_of("measured anew", "", quality(anew))}) {
    INFO(row);
    at = text.find(row, at);
    CHECK(at != std::string::npos);
  }
  const bool better = anew["accuracy"] >= moving["accuracy"] + 0.2;
  const std::string lost =
      "MISSED: with its moving averages the network tests near chance (accuracy below 0.4)\n" +
      std::string(better ? "" : "MISSED: recalibrated, the network tests better by at least 0.2\n");
  const std::string end = text.substr(text.rfind("\n\n") + 2);
  const double reached = number_after("\n" + end, "\n"), all = number_after(end, " of ");
  CHECK(all - reached == (better ? 1 : 2));
  CHECK(end == fmt::format("{} of {} targets reached.\n{}", reached, all, lost));
  CHECK(result.status == 1);
}

TEST_CASE("lab says why it trains nothing, and counts the figures of its tables and the derivatives as targets") {
  const Programs run;
  const std::string quick = run("lab/lab --quick").text, without = run("lab/lab").text;
  CHECK_THAT(quick, Contains("\nTraining: skipped (--quick).\n"));
  CHECK_THAT(without, Contains("\nTraining: skipped, it needs the SIGNS data; give --data its folder.\n"));
  int rows = 0;
  for (const std::string verdict : {"same\n", "same to 1e-8\n", "same to 1e-12\n", "the report is wrong\n"}) {
    for (std::size_t at = quick.find(verdict); at != std::string::npos; at = quick.find(verdict, at + 1)) ++rows;
  }
  CHECK_THAT(quick, Catch::EndsWith(fmt::format("\n{0} of {0} targets reached.\n", rows + 2)));
  std::size_t at = 0;
  for (const std::string part :
       {"Part 1: convolution, step by step", "Part 1: pooling, step by step",
        "The report's derivative of max pooling is wrong.", "The report's derivative of average pooling is wrong.",
        "Part 2: the ConvNet", "Part 3: ResNet-50", "Training: skipped"}) {
    at = quick.find("\n" + part, at);
    CHECK(at != std::string::npos);
  }
}
