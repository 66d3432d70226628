// Trains a network to classify photographs, from a folder with one folder for each class.
#include <cstdlib>
#include <iostream>
#include <xtape/xtape.hpp>
using namespace xtape;

Model network(std::int64_t classes) {
  const auto input = Input({32, 32, 3});
  auto x = Normalization()(input);
  for (const int filters : {16, 32, 64}) {
    x = Conv2D({.filters = filters, .kernel_size = 3, .padding = Padding::same})(x);
    x = Activation(relu)(BatchNormalization({.momentum = 0.9})(x));
    x = MaxPooling2D()(x);
  }
  x = Dropout({.rate = 0.3})(Flatten()(x));
  const auto logits = Dense({.units = classes, .kernel_regularizer = l2(1e-4)})(x);
  return {input, logits, {.name = "clothes", .seed = 1}};
}

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 12;
  check(epochs > 0, "train: expected a number of epochs, got {}", argv[argc - 1]);
  const Dataset photos = load_image_folder("photos", {.height = 32, .width = 32}).data;
  const auto [rest, test] = split(photos, 0.2);  // the same test set as in ./run evaluate
  const auto [train, validation] = split(rest, 0.1);

  Model model = network(photos.classes());
  adapt(model, train);  // computes mean and variance for Normalization
  fmt::print("{}\n", model.summary());

  const auto checkpoints = checkpoints_in("checkpoints");
  if (!checkpoints.empty()) fmt::print("resuming from checkpoints; remove that folder to start a new run\n");
  Adam adam(model.parameters(), {.learning_rate = 2e-3});
  const History history = fit(model, adam, train,
                              {.epochs = epochs,
                               .validation = validation,
                               .augmentation = {.horizontal_flip = true, .shift = 0.1},
                               .callbacks = {EarlyStopping({.patience = 4, .restore_best = true}),
                                             Checkpoint({.folder = "checkpoints"}), StopOnInterrupt()},
                               .resume = checkpoints.empty() ? "" : "checkpoints"});
  if (interrupt_signal() != 0) return 128 + interrupt_signal();  // it resumes when it is started again
  if (!checkpoints.empty() && adam.iterations() == step_of_checkpoint(checkpoints.front())) {
    fmt::print("the training was complete already\n");
  }

  const Figures result = evaluate(model, test);
  fmt::print("test accuracy {:.3f} on {} photographs\n", result["accuracy"], test.size());
  save_model(model, "clothes.safetensors", {.class_names = photos.class_names()});
  save_report("report.html", {.title = "Clothes",
                              .history = history,
                              .evaluation = result,
                              .data = test,
                              .outputs = predict(model, test),
                              .class_names = photos.class_names()});
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
