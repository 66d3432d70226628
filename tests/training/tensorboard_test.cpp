// EventFile and the callback TensorBoard. The files are read here by their definition; the hidden test reads them with
// TensorBoard's own reader.
#include "training/callbacks/tensorboard.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <event.pb.h>
#include <fstream>
#include <limits>
#include <map>
#include <sys/resource.h>
#include <sys/wait.h>

#include "framework/io/crc32c.hpp"
#include "framework/io/image.hpp"
#include "layers/layers.hpp"
#include "models/graph/sequential.hpp"
#include "optim/adam.hpp"
#include "optim/sgd.hpp"
#include "tests/io/python.hpp"
#include "tests/training/small_training.hpp"
#include "training/callbacks/callbacks.hpp"
#include "training/checkpoint/checkpoint.hpp"
#include "training/tensorboard/events.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;
using namespace test;
using Catch::Contains;
using xtape_tensorboard::Event;
using xtape_tensorboard::GraphDef;

/// Records of tf.summary (make_tensorboard_golden.py): the scalar 0.25 and a histogram.
constexpr double scalar_time = 1795877925.609025, histogram_time = 1795877926.604062;
const std::string scalar_record =
    "34000000000000005e33175c0944fa6609bbc2da4110032a270a250a0a65706f63685f6c6f7373420a08011200220400"
    "00803e4a0b0a090a077363616c61727355e21baa";
const std::string histogram_record =
    "1c03000000000000d291263409f4a8a609bbc2da411082012a8d060a8a060a1664656e73652f6b65726e656c2f686973"
    "746f6772616d42df05080212081202081e1202080322d005000000000000f0bfcdccccccccccecbf000000000000f03f"
    "cdccccccccccecbf9a9999999999e9bf00000000000000009a9999999999e9bf666666666666e6bf000000000000f03f"
    "666666666666e6bf333333333333e3bf0000000000000000333333333333e3bf000000000000e0bf0000000000000000"
    "000000000000e0bf989999999999d9bf0000000000000000989999999999d9bf323333333333d3bf0000000000000000"
    "323333333333d3bf989999999999c9bf0000000000000000989999999999c9bf989999999999b9bf0000000000000000"
    "989999999999b9bf000000000000000000000000000000000000000000000000a09999999999b93f0000000000000000"
    "a09999999999b93fa09999999999c93f0000000000000000a09999999999c93f343333333333d33f000000000000f03f"
    "343333333333d33f9c9999999999d93f00000000000000009c9999999999d93f000000000000e03f0000000000000000"
    "000000000000e03f343333333333e33f000000000000f03f343333333333e33f686666666666e63f0000000000000000"
    "686666666666e63f9a9999999999e93f00000000000000009a9999999999e93fceccccccccccec3f0000000000000000"
    "ceccccccccccec3f000000000000f03f0000000000000000000000000000f03f9a9999999999f13f0000000000000000"
    "9a9999999999f13f343333333333f33f0000000000000000343333333333f33fceccccccccccf43f0000000000000000"
    "ceccccccccccf43f686666666666f63f0000000000000000686666666666f63f000000000000f83f0000000000000000"
    "000000000000f83f9a9999999999f93f00000000000000009a9999999999f93f343333333333fb3f0000000000000000"
    "343333333333fb3fceccccccccccfc3f0000000000000000ceccccccccccfc3f686666666666fe3f0000000000000000"
    "686666666666fe3f000000000000004000000000000000404a0e0a0c0a0a686973746f6772616d7378800fb5";

std::string hexadecimal(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

template <class T>
T at(const std::string& bytes, std::size_t offset) {
  T value{};
  REQUIRE(offset + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// The events of a file. Checks the lengths and checksums of its records.
std::vector<Event> events_in(const fs::path& path) {
  const auto masked = [](const std::string& bytes) {
    const std::uint32_t sum = crc32c(bytes);
    return (sum >> 15U | sum << 17U) + 0xA282EAD8U;
  };
  const std::string bytes = bytes_of(path);
  std::vector<Event> events;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const auto length = at<std::uint64_t>(bytes, begin);
    REQUIRE(at<std::uint32_t>(bytes, begin + 8) == masked(bytes.substr(begin, 8)));
    const std::string data = bytes.substr(begin + 12, length);
    REQUIRE(at<std::uint32_t>(bytes, begin + 12 + length) == masked(data));
    REQUIRE(events.emplace_back().ParseFromString(data));
    begin += 16 + length;
  }
  return events;
}

/// The files of a folder in the order in which TensorBoard reads them.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

using Curve = std::vector<std::pair<std::int64_t, float>>;  // steps and values

/// All curves in the files of a folder, by tag.
std::map<std::string, Curve> curves_in(const fs::path& folder) {
  std::map<std::string, Curve> curves;
  for (const fs::path& path : files_in(folder)) {
    for (const Event& event : events_in(path)) {
      for (const auto& value : event.summary().value()) {
        if (value.metadata().plugin_data().plugin_name() != "scalars") continue;
        CHECK(value.tensor().dtype() == xtape_tensorboard::DT_FLOAT);
        curves[value.tag()].emplace_back(event.step(), at<float>(value.tensor().tensor_content(), 0));
      }
    }
  }
  return curves;
}

/// The curve of a figure over the epochs, as Keras numbers them.
Curve curve_of(const History& history, const std::string& figure) {
  Curve curve;
  for (const EpochResult& epoch : history.epochs()) {
    curve.emplace_back(epoch.epoch - 1, static_cast<float>(epoch[figure]));
  }
  return curve;
}

std::vector<std::string> tags_of(const std::map<std::string, Curve>& curves) {
  std::vector<std::string> tags;
  for (const auto& [tag, curve] : curves) tags.push_back(tag);
  return tags;
}

using Tags = std::vector<std::string>;

TEST_CASE("records of events have the bytes that TensorFlow writes") {
  const TemporaryFolder folder;
  EventFile file(folder / "run");
  const std::size_t begin = bytes_of(file.path()).size();
  file.write(events::scalar({scalar_time, 3}, "epoch_loss", 0.25));
  const std::size_t middle = bytes_of(file.path()).size();
  CHECK(hexadecimal(bytes_of(file.path()).substr(begin)) == scalar_record);
  file.write(events::histogram({histogram_time, 130}, "dense/kernel/histogram",
                               Tensor::of({2, 3}, {-1, 0.5, 2, 2, 0.25, -0.75})));
  CHECK(hexadecimal(bytes_of(file.path()).substr(middle)) == histogram_record);
  const std::vector<Event> all = events_in(file.path());
  REQUIRE(all.size() == 3);
  CHECK(all[0].file_version() == "brain.Event:2");
  CHECK_THAT(file.path().filename().string(),
             Catch::Matches("events\\.out\\.tfevents\\.[0-9]{10}\\..+\\.[0-9]+\\.0\\.v2"));
}

TEST_CASE("the field numbers are those of TensorFlow, read without a schema") {
  if (std::system("command -v protoc > /dev/null") != 0) skip("no protoc (Debian's package protobuf-compiler)");
  const TemporaryFolder folder;
  const auto input = Input({3}, {.name = "in"});
  std::ofstream(folder / "event", std::ios::binary)
      << events::graph({1.5}, Model(input, Dense({.units = 2, .name = "out"})(input)));
  const std::string text = output_of("protoc --decode_raw < '" + (folder / "event").string() + "'");
  for (const std::string part : {"1: 0x3ff8000000000000", "4 {", "1: \"out\"", "2: \"Dense\"", "3: \"in\"",
                                 "1: \"_output_shapes\"", "1: \"parameters\""}) {
    INFO(text);
    CHECK_THAT(text, Contains(part));
  }
}

TEST_CASE("a histogram counts the finite elements in buckets of equal width") {
  const auto rows = [](const Tensor& values) {
    Event event;
    REQUIRE(event.ParseFromString(events::histogram({0, 0}, "h", values)));
    const auto& tensor = event.summary().value(0).tensor();
    CHECK(tensor.dtype() == xtape_tensorboard::DT_DOUBLE);
    REQUIRE(tensor.tensor_content().size() == 90 * sizeof(double));
    std::vector<std::array<double, 3>> result(30);
    std::memcpy(result.data(), tensor.tensor_content().data(), 90 * sizeof(double));
    return result;
  };
  const double infinity = std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::max();
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const std::vector<double> values = RandomStream(seed).normal({1000}).to(DType::float64).to_vector();
    const auto [low, high] = std::ranges::minmax(values);
    std::vector<double> counts(30);  // the definition in tensorboard/plugins/histogram/summary_v2.py
    for (const double value : values) {
      ++counts[std::min<std::size_t>(29, static_cast<std::size_t>((value - low) / ((high - low) / 30)))];
    }
    const auto got = rows(f64({1000}, values));
    for (std::size_t i = 0; i < 30; ++i) {
      CHECK(got[i][2] == counts[i]);
      CHECK(got[i][0] == Approx(low + (high - low) * static_cast<double>(i) / 30));
      CHECK(got[i][1] == (i < 29 ? got[i + 1][0] : high));
    }
  }
  const auto equal = rows(Tensor::full({4, 5}, 0.5));
  CHECK((equal[0] == std::array<double, 3>{0.5, 0.5, 0} && equal[29] == std::array<double, 3>{0.5, 0.5, 20}));
  const auto damaged = rows(f64({6}, {std::nan(""), infinity, -infinity, 1, 2, 31}));
  CHECK((damaged[0] == std::array<double, 3>{1, 2, 1} && damaged[1][2] == 1 && damaged[29][2] == 1));
  for (const auto& row : rows(f64({1}, {std::nan("")}))) CHECK(row == std::array<double, 3>{});
  const auto wide = rows(f64({3}, {-most, 0, most}));  // their difference overflows
  for (const auto& row : wide) CHECK((std::isfinite(row[0]) && std::isfinite(row[1])));
  CHECK((wide[0][2] == 1 && wide[14][2] + wide[15][2] == 1 && wide[29][2] == 1 && wide[29][1] == most));
}

TEST_CASE("images of events are PNG files with the pixels of the tensor") {
  const TemporaryFolder folder;
  const auto written = [&](const Tensor& images) {
    Event event;
    REQUIRE(event.ParseFromString(events::images({0, 7}, "pictures", images)));
    const auto& value = event.summary().value(0);
    CHECK(event.step() == 7);
    CHECK(value.metadata().plugin_data().plugin_name() == "images");
    CHECK(value.tensor().string_val(0) == std::to_string(images.dim(2)));  // the width comes first
    CHECK(value.tensor().string_val(1) == std::to_string(images.dim(1)));
    std::vector<Tensor> pictures;
    for (int i = 2; i < value.tensor().string_val_size(); ++i) {
      std::ofstream(folder / "image.png", std::ios::binary) << value.tensor().string_val(i);
      pictures.push_back(read_image(folder / "image.png"));
    }
    return pictures;
  };
  const Tensor bytes = Tensor::of({1, 1, 2, 3}, {255, 0, 128, 1, 2, 3}, DType::uint8);
  CHECK(identical(written(bytes)[0], bytes[0]));
  const std::vector<Tensor> grey = written(Tensor::of({2, 1, 3, 1}, {0, 0.5, 1, -3, 7, std::nan("")}));
  REQUIRE(grey.size() == 2);
  CHECK(grey[0].to_vector() == std::vector<double>{0, 0, 0, 128, 128, 128, 255, 255, 255});
  CHECK(grey[1].to_vector() == std::vector<double>{0, 0, 0, 255, 255, 255, 0, 0, 0});
  EventFile file(folder / "run");
  for (const Tensor& wrong : {Tensor::zeros({3, 3, 1}), Tensor::zeros({0, 3, 3, 1}), Tensor::zeros({1, 3, 3, 2}),
                              Tensor::zeros({1, 3, 3, 1}, DType::int64)}) {
    CHECK_THAT(error_of([&] { file.images("x", wrong, 0); }),
               Contains("EventFile: expected images (n, height, width,"));
  }
  CHECK(error_of([&] { file.scalar("", 1, 0); }) == "EventFile: expected a tag, got an empty one");
  CHECK(error_of([&] { file.scalar("rate\xFF", 1, 0); }) ==
        "EventFile: tag: expected text in UTF-8, got byte 0xff after 4 others");
  CHECK(error_of([&] { file.histogram("\n", Tensor::zeros({2}), 0); }) ==
        "EventFile: tag: expected text without control characters, got byte 0x0a after 0 others");
}

TEST_CASE("an event file has the scalars, histograms, images and graphs that a loop adds, with their steps") {
  const TemporaryFolder folder;
  EventFile file(folder / "run");
  file.scalar("loss", 0.5, 3);
  file.histogram("kernel", f64({3}, {0, 1, 3}), 4);
  file.images("samples", Tensor::zeros({2, 3, 3, 1}), 5);
  file.graph(quadrant_model());
  const std::vector<Event> all = events_in(file.path());
  REQUIRE(all.size() == 5);  // the first one has the version of the format
  const std::pair<std::string, std::string> expected[] = {
      {"loss", "scalars"}, {"kernel", "histograms"}, {"samples", "images"}};
  for (std::size_t i = 0; i < 3; ++i) {
    const Event& event = all[i + 1];
    CHECK(event.step() == static_cast<std::int64_t>(i) + 3);
    const auto& value = event.summary().value(0);
    CHECK(std::pair(value.tag(), value.metadata().plugin_data().plugin_name()) == expected[i]);
  }
  double counted = 0;
  const std::string& buckets = all[2].summary().value(0).tensor().tensor_content();
  for (std::size_t row = 0; row < 30; ++row) counted += at<double>(buckets, 24 * row + 16);
  CHECK(counted == 3);
  CHECK(all[3].summary().value(0).tensor().string_val_size() == 4);  // the size and two images
  GraphDef graph;
  CHECK((all[4].step() == 0 && graph.ParseFromString(all[4].graph_def()) && graph.node_size() == 4));
}

const TensorBoardOptions no_options{.folder = {}}, every_step{.folder = {}, .every_steps = 1};

/// A run of 3 epochs of 5 steps. `until`: the number of the step after which it stops.
History train(const fs::path& folder, TensorBoardOptions options, std::int64_t until = -1,
              const fs::path& resume = {}) {
  Model model = quadrant_model();
  Adam adam(model.parameters(), {.learning_rate = schedule::exponential(0.1, 5, 0.5)});
  options.folder = folder / "logs";
  const auto stop = at_batch_end([until](TrainingState& run) {
    if (run.step() == until) run.stop("test");
  });
  return fit(model, adam, quadrants(40),
             {.epochs = 3,
              .batch_size = 8,
              .validation = quadrants(20, 2),
              .callbacks = {TensorBoard(options), Checkpoint({.folder = folder / "checkpoints"}), stop},
              .resume = resume,
              .show_progress = false});
}

TEST_CASE("TensorBoard writes the figures of each epoch with Keras's tags and steps") {
  const TemporaryFolder folder;
  const History history = train(folder.path(), no_options);
  const auto of_training = curves_in(folder / "logs" / "train"),
             of_validation = curves_in(folder / "logs" / "validation");
  CHECK(tags_of(of_training) == Tags{"epoch_accuracy", "epoch_learning_rate", "epoch_loss"});
  CHECK(tags_of(of_validation) ==
        Tags{"epoch_accuracy", "epoch_loss", "evaluation_accuracy_vs_iterations", "evaluation_loss_vs_iterations"});
  for (const std::string figure : {"loss", "accuracy", "learning_rate"}) {
    INFO(figure);
    CHECK(of_training.at("epoch_" + figure) == curve_of(history, figure));
    if (figure == "learning_rate") continue;
    Curve expected = curve_of(history, "val_" + figure);
    CHECK(of_validation.at("epoch_" + figure) == expected);
    for (auto& [step, value] : expected) step = 5 * (step + 1);
    CHECK(of_validation.at("evaluation_" + figure + "_vs_iterations") == expected);
  }
  const std::vector<fs::path> files = files_in(folder / "logs" / "train");
  REQUIRE(files.size() == 1);
  GraphDef graph;
  CHECK((graph.ParseFromString(events_in(files[0]).at(1).graph_def()) && graph.node_size() == 4));
}

TEST_CASE("every option of TensorBoard") {
  const TemporaryFolder folder;
  const Tensor pictures = RandomStream(1).uniform({3, 4, 5, 3});
  std::vector<int> asked;
  std::vector<std::pair<std::int64_t, double>> means;  // the figures that batch_end sees
  TensorBoardOptions options{.folder = {},
                             .every_steps = 2,
                             .histogram_epochs = 2,
                             .graph = false,
                             .images = [&](TrainingState& run) -> std::vector<NamedTensor> {
                               asked.push_back(run.epoch);
                               if (run.epoch != 2) return {};
                               return {{"inputs", pictures}};
                             }};
  const History history = train(folder.path(), options);
  CHECK(asked == std::vector<int>{1, 2, 3});
  const auto curves = curves_in(folder / "logs" / "train");
  CHECK(tags_of(curves) == Tags{"batch_accuracy", "batch_loss", "epoch_accuracy", "epoch_learning_rate", "epoch_loss"});
  std::vector<std::int64_t> steps;
  for (const auto& [step, value] : curves.at("batch_loss")) steps.push_back(step);
  CHECK(steps == std::vector<std::int64_t>{2, 4, 6, 8, 10, 12, 14});
  CHECK(curves.at("batch_loss")[4].second == static_cast<float>(history.epochs()[1]["loss"]));  // the end of epoch 2
  std::map<std::string, std::vector<std::int64_t>> histograms;
  std::vector<std::int64_t> image_steps;
  for (const Event& event : events_in(files_in(folder / "logs" / "train").at(0))) {
    CHECK(event.graph_def().empty());
    if (event.summary().value_size() == 0) continue;
    const auto& value = event.summary().value(0);
    if (value.metadata().plugin_data().plugin_name() == "histograms") histograms[value.tag()].push_back(event.step());
    if (value.metadata().plugin_data().plugin_name() != "images") continue;
    image_steps.push_back(event.step());
    CHECK((value.tag() == "inputs" && value.tensor().string_val_size() == 5));
  }
  CHECK(image_steps == std::vector<std::int64_t>{1});
  const std::vector<std::int64_t> first_and_third{0, 2};
  CHECK(histograms == std::map<std::string, std::vector<std::int64_t>>{{"hidden/bias/histogram", first_and_third},
                                                                       {"hidden/kernel/histogram", first_and_third},
                                                                       {"logits/bias/histogram", first_and_third},
                                                                       {"logits/kernel/histogram", first_and_third}});
  CHECK(error_of([] { TensorBoard{no_options}; }) == "TensorBoard: expected a folder, got an empty path");
  CHECK(error_of([] { TensorBoard({.folder = "x", .every_steps = -1}); }) ==
        "TensorBoard: expected every_steps of at least 0, got -1");
  CHECK(error_of([] { TensorBoard({.folder = "x", .histogram_epochs = -1}); }) ==
        "TensorBoard: expected histogram_epochs of at least 0, got -1");
}

TEST_CASE("a resumed run continues the curves in a new file") {
  const TemporaryFolder whole, parts;
  train(whole.path(), every_step);
  train(parts.path(), every_step, 8);  // in the second epoch
  train(parts.path(), every_step, -1, parts / "checkpoints");
  for (const std::string part : {"train", "validation"}) {
    CHECK(files_in(parts / "logs" / part).size() == 2);
    CHECK(curves_in(parts / "logs" / part) == curves_in(whole / "logs" / part));
  }
  std::size_t graphs = 0;
  for (const fs::path& path : files_in(parts / "logs" / "train")) {
    for (const Event& event : events_in(path)) graphs += event.graph_def().empty() ? 0 : 1;
  }
  CHECK(graphs == 1);
  fs::remove_all(parts / "logs");  // into a new folder
  train(parts.path(), no_options, -1, parts / "checkpoints");
  CHECK_FALSE(events_in(files_in(parts / "logs" / "train").at(0)).at(1).graph_def().empty());
}

TEST_CASE("the events are in the file while the run lasts, and initial_epoch counts") {
  const TemporaryFolder folder;
  std::vector<std::size_t> curves;
  Model model = quadrant_model();
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const auto look = at_epoch_end(
      [&](TrainingState& /*run*/) { curves.push_back(curves_in(folder / "train").at("epoch_loss").size()); });
  fit(model, sgd, quadrants(40),
      {.epochs = 6,
       .batch_size = 8,
       .initial_epoch = 4,
       .callbacks = {TensorBoard({.folder = folder.path(), .every_steps = 5}), look},
       .show_progress = false});
  CHECK(curves == std::vector<std::size_t>{1, 2});
  const auto all = curves_in(folder / "train");
  CHECK((all.at("epoch_loss")[0].first == 4 && all.at("epoch_loss")[1].first == 5));
  CHECK((all.at("batch_loss")[0].first == 25 && all.at("batch_loss")[1].first == 30));
  CHECK_FALSE(fs::exists(folder / "validation"));
}

TEST_CASE("a step whose loss is not finite has no events, and a new run in the same folder has a graph") {
  const TemporaryFolder folder;
  for (const std::size_t runs : {1U, 2U}) {
    Model model = quadrant_model();
    SGD sgd(model.parameters(), {.learning_rate = 0.1});
    Tensor points = quadrants(24).input();
    points.mutable_data<float>()[2 * 20] = std::numeric_limits<float>::infinity();  // in the third batch of three
    const History history =
        fit(model, sgd, Dataset(points, quadrants(24).target(), 2),
            {.batch_size = 8,
             .shuffle = false,
             .callbacks = {TensorBoard({.folder = folder.path(), .every_steps = 1}), TerminateOnNaN()},
             .show_progress = false});
    CHECK_THAT(history.stop_reason(), Contains("in epoch 1, step 3 of 3"));
    std::size_t graphs = 0, losses = 0;
    for (const fs::path& path : files_in(folder / "train")) {
      for (const Event& event : events_in(path)) {
        graphs += event.graph_def().empty() ? 0 : 1;
        losses += event.summary().value_size() == 1 && event.summary().value(0).tag() == "batch_loss" ? 1 : 0;
      }
    }
    CHECK((graphs == runs && losses == 2 * runs));
  }
}

TEST_CASE("two files of one process in one folder have different names") {
  const TemporaryFolder folder;
  const EventFile first(folder.path()), second(folder.path());
  CHECK(first.path() != second.path());
  CHECK(files_in(folder.path()) == std::vector{first.path(), second.path()});
}

TEST_CASE("a folder that cannot be created is an Error, and a full disk ends no run") {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "";
  CHECK_THAT(error_of([&] { EventFile(folder / "file" / "run"); }), Contains((folder / "file" / "run").string()));
  CHECK(error_of([&] { EventFile(""); }) == "EventFile: expected a folder, got an empty path");
  Model model = quadrant_model();
  SGD sgd(model.parameters(), {.learning_rate = 0.1});
  const auto run = [&](const std::shared_ptr<Callback>& callback) {
    return fit(model, sgd, quadrants(40),
               {.epochs = 3, .batch_size = 2, .callbacks = {callback}, .show_progress = false});
  };
  CHECK_THAT(error_of([&] { run(TensorBoard({.folder = folder / "file"})); }),
             Contains((folder / "file" / "train").string()));

  const pid_t child = fork();
  if (child == 0) {  // in a process of its own, because the limit is one of the process
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::freopen((folder / "messages").c_str(), "w", stderr);
    const auto callback = TensorBoard({.folder = folder / "logs", .every_steps = 1});  // many events cannot be written
    const bool trained = run(callback).epochs().size() == 3 && run(callback).epochs().size() == 3;
    std::fflush(stderr);
    _exit(trained ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  const std::vector<Event> events = events_in(files_in(folder / "logs" / "train").at(0));  // complete records
  CHECK(events.size() > 1);
  const std::string messages = bytes_of(folder / "messages");  // one of each run
  const std::string message = "TensorBoard: training continues without its log: EventFile: expected to be able to";
  CHECK(messages.starts_with(message));
  CHECK(std::ranges::count(messages, '\n') == 2);
  CHECK_THAT(messages.substr(messages.find('\n')), Contains(message));
}

// tools/witnesses tensorboard
TEST_CASE("TensorBoard's reader finds the events", "[.witness]") {
  const std::string python = python_with("tensorboard");
  const TemporaryFolder folder;
  TensorBoardOptions options{.folder = {}, .every_steps = 3, .histogram_epochs = 1};
  options.images = [](TrainingState&) -> std::vector<NamedTensor> {
    return {{"inputs", Tensor::full({2, 3, 4, 1}, 0.5)}};
  };
  const History history = train(folder.path(), options);
  const std::string script = (source_root() / "tests/training/read_tensorboard.py").string();
  const std::string text = output_of(fmt::format("{} '{}' '{}'", python, script, (folder / "logs").string()));
  const auto numbers = [](const Curve& curve) {
    std::string all;
    for (const auto& [step, value] : curve) all += fmt::format(" {}:{:.9g}", step, value);
    return all + "\n";
  };
  for (const std::string figure : {"loss", "accuracy", "learning_rate"}) {
    CHECK_THAT(text, Contains("train scalars epoch_" + figure + numbers(curve_of(history, figure))));
  }
  CHECK_THAT(text, Contains("validation scalars epoch_loss" + numbers(curve_of(history, "val_loss"))));
  CHECK_THAT(text, Contains("train scalars batch_loss 3:") && Contains(" 15:"));
  // elements, and the number of those in the buckets
  CHECK_THAT(text, Contains("train histograms hidden/kernel/histogram 0:16 1:16 2:16\n"));
  CHECK_THAT(text, Contains("train images inputs 0:4x3+2 1:4x3+2 2:4x3+2\n"));
  CHECK_THAT(text, Contains("train graph input_1 hidden dropout_1 logits\n"));
}

}  // namespace
}  // namespace xtape
