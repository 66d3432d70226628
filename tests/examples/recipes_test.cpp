// The recipes of train: the same weights as those of a program with their settings, their plans and their targets.
#include <xtape/xtape.hpp>

#include "examples/train/recipe.hpp"
#include "framework/io/hdf5.hpp"
#include "tests/examples/programs.hpp"

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

/// Writes folder/CLASS/*.png: noise, which is brighter for later classes.
void write_noise(const fs::path& folder, const std::vector<std::string>& classes, int count) {
  for (std::size_t c = 0; c < classes.size(); ++c) {
    fs::create_directories(folder / classes[c]);
    for (int i = 0; i < count; ++i) {
      RandomStream random(c, static_cast<std::uint64_t>(i));
      const double low = 15.0 * static_cast<double>(c);
      write_png(folder / classes[c] / fmt::format("{}.png", i),
                random.uniform({20, 24, 3}, low, low + 100).to(DType::uint8));
    }
  }
}

/// What a recipe says, written down here a second time.
struct Settings {
  std::string options;  ///< of train
  std::int64_t image_size, channels;
  std::function<Model(const Shape& input, std::int64_t classes, std::uint64_t seed)> build;
  std::function<std::unique_ptr<Optimizer>(const Model& model, const LearningRate& falling)> optimizer;
  double rate;
  bool cosine;
  std::int64_t batch_size;
  Augmentation augmentation = {};
};

constexpr std::uint64_t seed_of_test = 5;

const std::vector<Settings>& settings_of_recipes() {
  static const auto adam = [](const Model& model, const LearningRate& rate) {
    return std::unique_ptr<Optimizer>(new Adam(model.parameters(), {.learning_rate = rate}));
  };
  static const std::vector<Settings> all{
      {"--model small", 64, 1,
       [](const Shape& input, std::int64_t classes, std::uint64_t seed) {
         ConvNetOptions options = small_image_options();
         options.input = input, options.classes = classes, options.seed = seed;
         return conv_net(options);
       },
       adam, 2e-3, true, 6},
      {"--model convnet", 64, 3,
       [](const Shape& input, std::int64_t classes, std::uint64_t seed) {
         return conv_net({.input = input,
                          .classes = classes,
                          .stages = {{16, 3, 2}, {32, 3, 2}, {64, 3, 2}},
                          .batch_normalization = true,
                          .hidden_units = 64,
                          .dropout = 0.5,
                          .kernel_initializer = he_normal(),
                          .seed = seed});
       },
       [](const Model& model, const LearningRate& rate) {
         return std::unique_ptr<Optimizer>(
             new AdamW(model.parameters(), {.learning_rate = rate, .weight_decay = 1e-2}));
       },
       2e-3, true, 5},
      {"--model convnet --recipe lab", 64, 3,
       [](const Shape& input, std::int64_t classes, std::uint64_t seed) {
         return conv_net({.input = input, .classes = classes, .seed = seed});
       },
       adam, 9e-3, false, 4},
      {"--model resnet20",
       32,
       3,
       [](const Shape& input, std::int64_t classes, std::uint64_t seed) {
         return cifar_resnet(
             20, {.input = input, .classes = classes, .implementation = Implementation::torchvision, .seed = seed});
       },
       [](const Model& model, const LearningRate& rate) {
         return std::unique_ptr<Optimizer>(new SGD(
             model.parameters(), {.learning_rate = rate, .momentum = 0.9, .nesterov = true, .weight_decay = 5e-4}));
       },
       0.1,
       true,
       7,
       {.horizontal_flip = true, .shift = 0.125, .fill = Fill::zeros}},
  };
  return all;
}

/// The learning rate of a run of `images` images. A single epoch has neither warm-up nor decay.
LearningRate rate_of(const Settings& s, int epochs, std::int64_t images) {
  const std::int64_t steps = (images + s.batch_size - 1) / s.batch_size;
  return s.cosine && epochs > 1 ? schedule::cosine(s.rate, epochs * steps, {.warmup_steps = steps})
                                : schedule::constant(s.rate);
}

/// Trains and evaluates as train does, and compares the file and the printed figures with the result.
void check_training(const Programs& run, const std::string& options, int epochs, Model& model, const Settings& s,
                    const SplitData& data, const Dataset* validation, const Loss& loss, const Model& saved) {
  const auto optimizer = s.optimizer(model, rate_of(s, epochs, data.train.size()));
  FitOptions fitting{.epochs = epochs,
                     .batch_size = s.batch_size,
                     .loss = loss,
                     .seed = seed_of_test,
                     .augmentation = s.augmentation,
                     .show_progress = false};
  if (validation != nullptr) fitting.validation = *validation;
  const History history = fit(model, *optimizer, data.train, fitting);
  const auto layers = model.all_layers();
  const auto normalizes = [](const auto& layer) { return layer->type() == "BatchNormalization"; };
  if (std::ranges::any_of(layers, normalizes))
    recalibrate_batch_norm(model, data.train, {.augmentation = s.augmentation});
  const Figures figures = evaluate(model, data.test, {.loss = loss});

  const Run result =
      run(fmt::format("train --data photos --output out --seed {} --epochs {} {}", seed_of_test, epochs, options));
  INFO(options << "\n" << result.text);
  REQUIRE(result.status == 0);
  CHECK_THAT(result.text, Contains(fmt::format("; test loss {:.4f}, test accuracy {:.4f} on {} image", figures["loss"],
                                               figures["accuracy"], data.test.size())));
  const Model found = load_model(run.folder() / "out/model.safetensors");
  for (const auto& [path, parameter] : saved.named_parameters()) {
    INFO(path);
    CHECK(identical(found.parameter(path).value(), parameter.value()));
  }
  const std::string csv = bytes_of(run.folder() / "out/history.csv");
  CHECK(number_after(csv, fmt::format("\n{},", epochs)) == Approx(history.last()["loss"]).epsilon(1e-12));
  fs::remove_all(run.folder() / "out");
}

}  // namespace

TEST_CASE("train with a recipe computes the weights and figures of a program with its settings") {
  const Programs run;
  const std::vector<std::string> classes{"fine", "good", "best"};
  write_noise(run.folder() / "photos", classes, 7);
  for (const Settings& s : settings_of_recipes()) {
    const Shape image{s.image_size, s.image_size, s.channels};
    const Dataset all =
        load_image_folder(run.folder() / "photos", {.height = image[0], .width = image[1], .channels = image[2]}).data;
    SplitData data = split(all, 0.2);  // 17 and 4 images
    const auto [train, validation] = split(data.train, 0.25, seed_of_test);
    data.train = train;
    for (const int epochs : {3, 1}) {
      if (epochs == 1 && s.options != "--model small") continue;
      Model model = s.build(image, 3, seed_of_test);
      check_training(run, fmt::format("{} --batch-size {} --validation 0.25", s.options, s.batch_size), epochs, model,
                     s, data, &validation, loss::softmax_cross_entropy(), model);
    }
  }
}

TEST_CASE("train with the network of a file computes the weights and figures of a program with its settings") {
  const Programs run;
  write_noise(run.folder() / "photos/train", {"fine", "good", "best"}, 5);
  write_noise(run.folder() / "photos/test", {"fine", "good", "best"}, 2);
  const ImageFolderOptions size{.height = 9, .width = 6};  // not as high as wide
  const Dataset train = load_image_folder(run.folder() / "photos/train", size).data,
                test = load_image_folder(run.folder() / "photos/test", size).data;
  const Settings from{
      "",
      9,
      3,
      nullptr,
      [](const Model& model, const LearningRate& rate) {
        return std::unique_ptr<Optimizer>(new AdamW(model.parameters(), {.learning_rate = rate, .weight_decay = 1e-2}));
      },
      1e-4,
      true,
      32};
  const std::string options = "--from ../" + run.folder().filename().string() + "/net.safetensors ";
  const auto input = Input({9, 6, 3});
  const auto hidden = Dense({.units = 8, .activation = tanh, .name = "hidden"})(Flatten()(input));
  // the file says the scale; the probabilities of a softmax are trained, and its layer is kept
  const Model three(input, Softmax()(Dense({.units = 3, .name = "last"})(hidden)), {.name = "three", .seed = 1});
  save_model(three, run.folder() / "net.safetensors", {.image_scale = "-1..1"});
  Model pixels = with_image_scale(three, image_scale("-1..1"));
  const Loss of_probabilities{
      "cross-entropy of probabilities",
      [](const Variable& p, const Tensor& labels) { return softmax_cross_entropy(log(clip(p, 1e-7, 1)), labels); },
      {.outputs = LossOutputs::probabilities, .targets = LossTargets::classes}};
  check_training(run, options, 3, pixels, from, {train, test}, nullptr, of_probabilities, three);
  // other classes: a new last layer, whose weights the seed decides
  const auto hidden_too = Dense({.units = 8, .activation = tanh, .name = "hidden"})(Flatten()(input));
  const Model five(input, Activation(relu)(Dense({.units = 5, .name = "last"})(hidden_too)), {.seed = 2});
  save_model(five, run.folder() / "net.safetensors");
  const Model cut(input, Dense({.units = 3, .name = "last_new"})(hidden_too), {.name = "cut", .seed = seed_of_test});
  for (const char* name : {"hidden/kernel", "hidden/bias"}) cut.parameter(name).set_value(five.parameter(name).value());
  Model plain = with_image_scale(cut, image_scale("0..255"));
  check_training(run, options + "--scale 0..255", 3, plain, from, {train, test}, nullptr, loss::softmax_cross_entropy(),
                 cut);
  // a network that cannot get other classes, and one that is not for images
  save_model(Model(input, Flatten()(Conv2D({.filters = 2, .kernel_size = {9, 6}, .name = "end"})(input))),
             run.folder() / "net.safetensors");
  CHECK(run("train --data photos " + options).text ==
        "train: expected data of 2 classes, or a network that ends in a dense layer, which could be replaced, got 3 "
        "classes and Flatten flatten_1 as the last layer\n");
  const auto vector = Input({4});
  save_model(Model(vector, Dense({.units = 2})(vector)), run.folder() / "net.safetensors");
  check_refused(run("train --data photos " + options),
                "train: expected a model that gives classes for images after --from, got (None, 2) for (None, 4) in /");
  save_model(Model(input, Conv2D({.filters = 2})(input)), run.folder() / "net.safetensors");
  check_refused(run("train --data photos " + options),
                "train: expected a model that gives classes for images after --from, got (None, 9, 6, 2) for (None, 9, "
                "6, 3) in /");
}

TEST_CASE("train prints the plan of every recipe before it finds that the batch cannot be divided") {
  const Programs run;
  write_noise(run.folder() / "photos", {"fine", "good"}, 5);
  const auto input = Input({4, 4, 3});
  save_model(Model(input, Dense({.units = 2})(Flatten()(input))), run.folder() / "small net.v2.safetensors");
  const std::vector<std::pair<std::string, std::string>> rows{
      // 32 (9 + 1) + 64 (288 + 1) + 128 (16384 + 1) + 2 (128 + 1) parameters
      {"--model small",
       "small (default), 2116354 parameters; 8 training and 2 test images (64, 64, 1); 4 epochs, "
       "batch 64, rate 0.002 falling to 0, seed 0, "},
      {"--model convnet",
       "convnet (better), 286258 parameters; 8 training and 2 test images (64, 64, 3); 60 epochs, "
       "batch 32, rate 0.002 falling to 0, seed 0, "},
      {"--model convnet --recipe lab",
       "convnet (lab), 1026 parameters; 8 training and 2 test images (64, 64, 3); 100 "
       "epochs, batch 64, rate 0.009, seed 0, "},
      {"--model resnet20",
       "resnet20 (default), 273138 parameters; 8 training and 2 test images (32, 32, 3); 60 "
       "epochs, batch 128, rate 0.1 falling to 0, seed 0, "},
      // that for 6 classes has 23,600,006
      {"--model resnet50 --seed 3",
       "resnet50 (default), 23591810 parameters; 8 training and 2 test images (64, 64, "
       "3); 20 epochs, batch 16, rate 0.0025 falling to 0, seed 3, "},
      {"--from 'small net.v2.safetensors'",
       "small net.v2 (from a file), 98 parameters; 8 training and 2 test images "
       "(4, 4, 3); 10 epochs, batch 32, rate 0.0001 falling to 0, seed 0, "},
      {"--model resnet20 --quick --image-size 16",
       "resnet20 (default), 273138 parameters; 8 training and 2 test "
       "images (16, 16, 3); 1 epoch, batch 128, rate 0.1 falling to 0, "},
  };
  for (const auto& [options, start] : rows) {
    const Run result = run("train --data photos --shards 1024 --threads 3 " + options);
    INFO(options << "\n" << result.text);
    CHECK(result.status == 2);
    CHECK_THAT(result.text, StartsWith(start) && Contains(", 3 threads\nfit: expected at least one sample"));
    CHECK_THAT(result.text, !Contains("target"));
  }
  CHECK_THAT(run("train --data photos --shards 1024 --threads 1 --quick").text, Contains(", 1 thread\nfit: "));
  // the folder of a run without --output
  for (const auto& [_, model] : std::vector<std::pair<int, std::string>>{
           {0, "small-2"}, {1, "convnet-2"}, {2, "resnet20-2"}, {3, "resnet50-2"}, {4, "small net.v2-2"}}) {
    INFO(model);
    const auto of_model = [&begin = model](const auto& entry) {
      return entry.path().filename().string().starts_with(begin);
    };
    CHECK(std::ranges::any_of(fs::directory_iterator(run.folder() / "runs"), of_model));
  }
}

TEST_CASE("a resumed run takes the number of threads from its settings, or from the command line") {
  const Programs run;
  write_other_data(run.folder());
  REQUIRE(run("train --data . --quick --threads 2 --seed 8 --output out").status == 0);
  CHECK_THAT(run("train --resume out").text, Contains("seed 8, 2 threads\n"));
  CHECK_THAT(run("train --resume out --threads 3").text, Contains("seed 8, 3 threads\n"));
  // a run without checkpoints begins again, unless its model would be replaced
  fs::remove_all(run.folder() / "out/checkpoints");
  CHECK_THAT(
      run("train --resume out").text,
      Catch::EndsWith("\ntrain: expected checkpoints in out/checkpoints, got none; the run would begin again and "
                      "replace out/model.safetensors\n"));
  fs::remove(run.folder() / "out/model.safetensors");
  const Run again = run("train --resume out");
  CHECK(again.status == 0);
  CHECK_THAT(again.text, Contains("\nno checkpoint in out/checkpoints: the run begins again\nepoch 1/1"));
}

TEST_CASE("a recipe has its published target, for its data alone") {
  struct Row {
    std::string model, name, data;
    double target;
  };
  const std::vector<Row> rows{{"small", "", "fashion-mnist", 0.9},
                              {"convnet", "", "signs", 0.82},
                              {"convnet", "lab", "signs", 0.6},
                              {"resnet50", "default", "signs", 0.95},
                              {"resnet20", "default", "cifar-10", 0.88}};
  std::vector<std::string> names{"airplane", "automobile", "bird",  "cat",  "deer",
                                 "dog",      "frog",       "horse", "ship", "truck"};
  const auto images = [](const std::vector<std::string>& classes) {
    return Dataset(Tensor::zeros({1, 2, 2, 3}, DType::uint8), Tensor::labels({0}), classes);
  };
  const Dataset cifar = images(names);
  names[6] = "toad";
  const Dataset others = images(names);
  for (const Row& row : rows) {
    const Recipe& recipe = find_recipe(row.model, row.name);
    CHECK(recipe.target == row.target);
    for (const std::string data : {"fashion-mnist", "mnist", "signs", "cifar-10"}) {
      CHECK(is_data_of(recipe, data, others) == (data == row.data));
    }
    // photographs are known by the names of their classes
    CHECK(is_data_of(recipe, "photographs", cifar) == (row.data == "cifar-10"));
    CHECK_FALSE(is_data_of(recipe, "photographs", others));
    CHECK_FALSE(is_data_of(recipe_of_files(), row.data, cifar));
  }
  CHECK_FALSE(is_data_of(recipe_of_files(), "photographs", cifar));
  CHECK(&find_recipe("convnet", "") == &find_recipe("convnet", "better"));
}

TEST_CASE("the lab's recipe has a target for SIGNS, which is reached or missed") {
  const Programs run;
  fs::create_directory(run.folder() / "signs");
  std::vector<std::int64_t> labels{0, 1, 2, 3, 4, 5}, others{1, 2, 3, 4, 5, 0};
  Tensor images = Tensor::zeros({6, 64, 64, 3}, DType::uint8);
  for (std::int64_t i = 0; i < images.size(); ++i) {  // each class has another bright stripe
    const std::int64_t row = i / (64 * 3) % 64 / 11, picture = i / (64 * 64 * 3);
    images.mutable_data<std::uint8_t>()[i] = row == picture ? 250 : 10;
  }
  const auto write = [&](const std::string& part, const std::vector<std::int64_t>& numbers) {
    save_hdf5(run.folder() / "signs" / (part + "_signs.h5"), {{part + "_set_x", images},
                                                              {part + "_set_y", Tensor::labels(numbers)},
                                                              {"list_classes", Tensor::labels(labels)}});
  };
  write("train", labels);
  for (const bool reached : {true, false}) {
    write("test", reached ? labels : others);
    const Run result = run(fmt::format("train --model convnet --recipe lab --data signs --output {}", reached));
    INFO(result.text);
    CHECK(result.status == (reached ? 0 : 1));
    CHECK_THAT(result.text,
               Catch::EndsWith(fmt::format("\ntarget accuracy 0.60: {}\n", reached ? "reached" : "missed")));
  }
  CHECK_THAT(run("evaluate --data signs --model true/model.safetensors").text,
             StartsWith("6 test images of signs: loss "));
}

TEST_CASE("train without --data reads Fashion-MNIST, also for a network of a file that fits, and no other data") {
  const Programs run;
  for (const std::string model : {"convnet", "resnet20", "resnet50"}) {
    CHECK(
        run("train --model " + model).text ==
        "train: --model " + model +
            " has no data by default; name a folder with --data FOLDER: with the photographs of CIFAR-10 for resnet20, "
            "train_signs.h5 and test_signs.h5 for the others, or other photographs\n");
  }
  const auto input = Input({27, 28, 1}), fitting = Input({28, 28, 1});
  save_model(Model(input, Dense({.units = 10})(Flatten()(input))), run.folder() / "other");
  save_model(Model(fitting, Dense({.units = 10})(Flatten()(fitting))), run.folder() / "fitting");
  CHECK_THAT(run("train --from other").text, StartsWith("train: --model other has no data by default; "));
  if (!fs::exists("/usr/share/datasets/fashion-mnist")) skip("no Fashion-MNIST");
  CHECK_THAT(run("train --from fitting --quick --shards 1024 --output out").text,
             StartsWith("fitting (from a file), 7850 parameters; 6400 training and 1000 test images (28, 28, 1); "));
}

TEST_CASE("the folder of a run has the documented files and no others") {
  const Programs run;
  write_other_data(run.folder());
  for (const std::string options : {"", "--report"}) {
    REQUIRE(run("train --data . --quick --output out " + options).status == 0);
    std::vector<std::string> found, wanted{"checkpoints", "history.csv", "model.safetensors", "settings.ini"};
    for (const auto& entry : fs::directory_iterator(run.folder() / "out")) found.push_back(entry.path().filename());
    if (!options.empty()) wanted.emplace_back("report.html");
    std::ranges::sort(found), std::ranges::sort(wanted);
    CHECK(found == wanted);
    fs::remove_all(run.folder() / "out");
  }
}

TEST_CASE("a run is not among the classes of photographs of which one is named like a part") {
  const Programs run;
  for (const std::string name : {"train", "bus"}) write_grey_images(run.folder() / "photos" / name, 50, 5);
  const std::string message = "train: expected a folder for the run that is not among the photographs in " +
                              (run.folder() / "photos").string() + ", where it would be taken for a class, got " +
                              (run.folder() / "photos/out").string() + "; name another with --output\n";
  CHECK(run("train --model convnet --data photos --output photos/out").text == message);
}
