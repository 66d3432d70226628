#include "training/callbacks/progress.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <sstream>

#include "tests/support/support.hpp"

namespace xtape {
namespace {

/// Progress of two epochs of 100 samples on a stream, with a clock and a terminal that the test controls.
struct Stage {
  int columns = 0;
  double seconds = 1000;
  std::ostringstream stream;
  std::unique_ptr<Progress> progress;

  explicit Stage(int width, ProgressPlan plan = {.epochs = 2, .samples = 100}) : columns(width) {
    progress = std::make_unique<Progress>(
        plan, ProgressOutput{&stream, [this] { return columns; }, [this] { return seconds; }});
  }
  void update_at(double when, std::int64_t samples, const Figures& figures = {{"loss", 0.5}, {"accuracy", 0.75}}) {
    seconds = 1000 + when;
    progress->update(samples, figures);
  }
  /// The output since the last call.
  std::string text() {
    std::string written = stream.str();
    stream.str("");
    return written;
  }
};

/// The line on the terminal without control characters around it.
std::string line_of(std::string text) {
  const auto begin = text.rfind('\r');
  const auto end = text.find("\x1b[K", begin);
  return text.substr(begin + 1, end - begin - 1);
}

TEST_CASE("durations are printed as minutes and seconds, or with hours") {
  CHECK(duration_text(0) == "0:00");
  CHECK(duration_text(41.6) == "0:42");
  CHECK(duration_text(725) == "12:05");
  CHECK(duration_text(3723) == "1:02:03");
  CHECK(duration_text(-1) == "0:00");
  CHECK(duration_text(std::nan("")) == "0:00");
  for (const double long_time : {3.6e9, 1e300, HUGE_VAL}) CHECK(duration_text(long_time) == "1000000:00:00");
}

TEST_CASE("numbers of epochs are as wide as the last one") {
  for (const auto& [epochs, epoch, text] : {std::tuple(9, 3, "epoch 3/9  "),
                                            {10, 3, "epoch  3/10  "},
                                            {10, 10, "epoch 10/10  "},
                                            {100, 7, "epoch   7/100  "}}) {
    Stage stage(120, {.epochs = epochs, .samples = 100});
    stage.progress->begin_epoch(epoch);
    CHECK_THAT(line_of(stage.text()), Catch::StartsWith(text));
  }
}

TEST_CASE("a resumed epoch begins with the finished samples, which do not count in the speed") {
  Stage stage(120);
  stage.progress->begin_epoch(1, 50);
  CHECK_THAT(stage.text(), Catch::Contains("  50/100"));
  stage.update_at(10, 75);
  CHECK_THAT(stage.text(), Catch::Contains("  75/100  ") && Catch::Contains("  2.5 samples/s  left 0:10  "));
  stage.update_at(20, 100);
  stage.progress->end_epoch({1, {{"loss", 0.5}}});
  CHECK_THAT(stage.text(), Catch::Contains("epoch 1/2  loss 0.5000  2.5 samples/s  left 0:20"));
}

TEST_CASE("a run that resumes behind the last step of an epoch validates without an estimate of the time") {
  for (const int columns : {100, 0}) {
    Stage stage(columns, {.epochs = 2, .samples = 100, .validation_samples = 30});
    stage.progress->begin_epoch(1, 100);
    stage.text();
    stage.seconds = 1000 + 20;
    stage.progress->update_validation(10);
    const std::string line = "epoch 1/2  validation 10/30";
    CHECK(stage.text() == (columns > 0 ? "\r" + line + "\x1b[K" : line + "\n"));
  }
}

TEST_CASE("on a terminal one line is redrawn") {
  Stage stage(120);
  stage.progress->begin_epoch(1);
  CHECK(stage.text() == "\repoch 1/2  [>                           ]  0/100\x1b[K");
  stage.update_at(10, 25);
  CHECK(stage.text() ==
        "\repoch 1/2  [=======>                    ]  25/100  loss 0.5000  accuracy 75.0%  2.5 samples/s  left 0:30  "
        "in all 1:10\x1b[K");
  stage.update_at(11, 28);  // a part of a character is not drawn
  CHECK(line_of(stage.text()).starts_with("epoch 1/2  [=======>                    ]  28/100"));
  stage.update_at(40, 100, {{"loss", 0.25}, {"accuracy", 1}});
  CHECK(line_of(stage.text()).starts_with("epoch 1/2  [============================]  100/100  loss 0.2500"));
  stage.progress->end_epoch({1, {{"loss", 0.25}, {"accuracy", 1}, {"learning_rate", 1}, {"seconds", 40}}});
  CHECK(stage.text() == "\repoch 1/2  loss 0.2500  accuracy 100.0%  2.5 samples/s  40.0 s  left 0:40\x1b[K\n");
}

TEST_CASE("the line is redrawn at most ten times a second, and for the first and the last samples") {
  Stage stage(120);
  stage.progress->begin_epoch(1);
  stage.text();
  stage.update_at(0.01, 1);
  CHECK_FALSE(stage.text().empty());
  stage.update_at(0.05, 2);
  CHECK(stage.text().empty());
  stage.update_at(0.12, 3);
  CHECK_FALSE(stage.text().empty());
  stage.update_at(0.13, 100);
  CHECK_FALSE(stage.text().empty());
}

TEST_CASE("every line is narrower than the terminal, and the loss is left out last") {
  Stage stage(200);
  stage.progress->begin_epoch(1);
  for (int columns = 1; columns <= 150; ++columns) {
    stage.columns = columns;
    stage.update_at(10 + columns, 25);
    const std::string line = line_of(stage.text());
    CHECK(static_cast<int>(line.size()) < columns);
    if (columns > 24) CHECK(line.find("loss 0.5000") != std::string::npos);
    if (columns > 60) CHECK(line.find("left ") != std::string::npos);
    if (columns > 120) CHECK(line.find("samples/s") != std::string::npos);
  }
  for (int columns = 1; columns <= 150; ++columns) {
    stage.columns = columns;
    stage.text();
    stage.progress->end_epoch({1, {{"loss", 0.5}, {"accuracy", 0.5}, {"val_loss", 0.5}, {"val_accuracy", 0.5}}});
    const std::string text = stage.text();
    CHECK(static_cast<int>(line_of(text).size()) < columns);
    CHECK(std::ranges::count(text, '\n') == 1);
  }
}

TEST_CASE("the parts of a line leave it in a fixed order as the terminal becomes narrower") {
  using Words = std::vector<std::string>;
  // the parts that are in the line of no smaller width, the first to leave first
  const auto order_of = [](const Words& parts, const std::function<std::string(int)>& line_at) {
    Words left;
    for (int columns = 200; columns > 9; --columns) {
      const std::string line = line_at(columns);
      for (const std::string& part : parts) {
        const bool shown = line.find(part) != std::string::npos;
        if (!shown && std::ranges::find(left, part) == left.end()) left.push_back(part);
        if (shown && std::ranges::find(left, part) != left.end()) left.push_back(part + " is back");
      }
    }
    return left;
  };
  const Figures figures{{"loss", 1}, {"a_loss", 2}, {"accuracy", 0.5}, {"auc", 0.25}, {"r2", 0.125}, {"seconds", 7}};
  Stage stage(200);
  stage.progress->begin_epoch(1);
  double when = 0;
  CHECK(
      order_of({"epoch 1", "[==", "25/100", " loss", "a_loss", "accuracy", "auc", "r2", "samples/s", "left", "in all"},
               [&](int columns) {
                 stage.columns = columns;
                 stage.update_at(when += 5, 25, figures);
                 return line_of(stage.text());
               }) == Words{"[==", "r2", "auc", "a_loss", "samples/s", "25/100", "in all", "accuracy", "left", " loss"});
  CHECK(order_of({"epoch 1", " loss", "accuracy", "r2", "val_loss", "val_accuracy", "samples/s", " 7.0 s", "left"},
                 [&](int columns) {
                   stage.columns = columns;
                   stage.progress->end_epoch({1,
                                              {{"loss", 1},
                                               {"accuracy", 0.5},
                                               {"r2", 0.125},
                                               {"val_loss", 1},
                                               {"val_accuracy", 0.5},
                                               {"seconds", 7}}});
                   return line_of(stage.text());
                 }) == Words{"r2", "samples/s", " 7.0 s", "left", "val_loss", "accuracy", "val_accuracy", " loss"});
  Stage validating(200, {.epochs = 2, .samples = 100, .validation_samples = 30});
  validating.progress->begin_epoch(1);
  validating.update_at(when = 100, 100);
  CHECK(order_of({"epoch 1", "validation", "left", "in all"}, [&](int columns) {
          validating.columns = columns;
          validating.seconds = 1000 + (when += 1);
          validating.progress->update_validation(10);
          return line_of(validating.text());
        }) == Words{"in all", "left", "validation"});
}

TEST_CASE("an error within an epoch begins on a new line") {
  Stage stage(80);
  stage.progress->begin_epoch(1);
  stage.text();
  stage.progress.reset();
  CHECK(stage.text() == "\n");
  Stage done(80);
  done.progress->begin_epoch(1);
  done.progress->end_epoch({.epoch = 1});
  done.text();
  done.progress.reset();
  CHECK(done.text().empty());
}

TEST_CASE("other output has a line for each epoch, and at most one every ten seconds") {
  Stage stage(0);
  stage.progress->begin_epoch(1);
  stage.update_at(4, 10);
  stage.update_at(9.9, 20);
  CHECK(stage.text().empty());
  stage.update_at(10, 25);
  CHECK(stage.text() == "epoch 1/2  25/100  loss 0.5000  accuracy 75.0%  2.5 samples/s  left 0:30  in all 1:10\n");
  stage.update_at(19, 50);
  CHECK(stage.text().empty());
  stage.update_at(40, 100);  // the line of the epoch follows at once
  CHECK(stage.text().empty());
  stage.progress->end_epoch(
      {1, {{"loss", 0.5}, {"accuracy", 0.75}, {"val_loss", 0.625}, {"val_accuracy", 0.5}, {"seconds", 40}}});
  CHECK(stage.text() ==
        "epoch 1/2  loss 0.5000  accuracy 75.0%  val_loss 0.6250  val_accuracy 50.0%  2.5 samples/s  40.0 "
        "s  "
        "left 0:40\n");
  stage.progress->begin_epoch(2);
  stage.progress->end_epoch({.epoch = 2});
  CHECK(stage.text().find("left") == std::string::npos);
}

TEST_CASE("without classes no accuracy is shown") {
  for (const int columns : {0, 150}) {
    Stage stage(columns);
    stage.progress->begin_epoch(1);
    stage.update_at(12, 25, {{"loss", 0.5}});
    stage.progress->end_epoch({1, {{"loss", 0.5}, {"val_loss", 0.25}}});
    const std::string text = stage.text();
    CHECK(text.find("25/100  loss 0.5000  2.1 samples/s") != std::string::npos);
    CHECK(text.find("loss 0.5000  val_loss 0.2500") != std::string::npos);
    CHECK(text.find("accuracy") == std::string::npos);
  }
}

TEST_CASE("the time left is estimated from measurements") {
  Stage stage(0, {.epochs = 3, .samples = 100, .validation_samples = 30});
  Progress& progress = *stage.progress;
  progress.begin_epoch(1);
  CHECK(progress.left_in_epoch() < 0);
  CHECK(progress.left_in_run() < 0);
  stage.update_at(20, 20);  // a second for each sample; validation is assumed to take a third of it
  CHECK(progress.left_in_epoch() == Approx(80 + 10));
  CHECK(progress.left_in_run() == Approx(90 + 2 * 110));
  stage.update_at(100, 100);
  stage.seconds = 1000 + 104;  // validation took 4 s
  progress.end_epoch({.epoch = 1});
  stage.seconds = 1000 + 106;  // and other work between the epochs 2 s
  progress.begin_epoch(2);
  stage.update_at(106 + 10, 20);  // twice as fast as before
  CHECK(progress.left_in_epoch() == Approx(40 + 4));
  CHECK(progress.left_in_run() == Approx(44 + 106));
  stage.seconds = 1000 + 300;  // a step that takes longer than the estimate of the whole rest
  CHECK(progress.left_in_epoch() == 0);
}

TEST_CASE("the time of a resumed run includes that of the samples before the interruption in the epochs to come") {
  Stage stage(0);
  stage.progress->begin_epoch(1, 50);
  stage.update_at(10, 75);  // 0.4 s for each sample
  CHECK(stage.progress->left_in_epoch() == Approx(10));
  CHECK(stage.progress->left_in_run() == Approx(10 + 40));
}

TEST_CASE("a bar is shown as soon as ten characters are left for it, and has at most thirty") {
  Stage stage(60);
  stage.progress->begin_epoch(1);
  const auto line_at = [&](int columns) {
    stage.columns = columns;
    stage.text();
    stage.progress->begin_epoch(1);
    return line_of(stage.text());
  };
  const std::string plain = "epoch 1/2  0/100";
  for (int columns = 18; columns <= 80; ++columns) {
    INFO(columns);
    const int left = columns - 1 - static_cast<int>(plain.size()) - 2;
    const std::string line = line_at(columns);
    if (left < 10) {
      CHECK(line == plain);
    } else {
      const auto width = static_cast<std::size_t>(std::min(left, 30));
      CHECK(line == "epoch 1/2  [>" + std::string(width - 3, ' ') + "]  0/100");
    }
  }
}

TEST_CASE("speeds below ten have a decimal") {
  for (const auto& [seconds, text] :
       {std::pair(10.0, "  10 samples/s"), {10.5, "  9.5 samples/s"}, {1.0, "  100 samples/s"}}) {
    Stage stage(0);
    stage.progress->begin_epoch(1);
    stage.update_at(seconds, 100);
    stage.progress->end_epoch({1, {{"loss", 0.5}}});
    CHECK_THAT(stage.text(), Catch::Contains(text));
  }
}

TEST_CASE("the line of an epoch begins behind one that was redrawn before the output was no terminal any more") {
  Stage stage(100);
  stage.progress->begin_epoch(1);
  stage.text();
  stage.columns = 0;
  stage.progress->end_epoch({1, {{"loss", 0.5}}});
  CHECK_THAT(stage.text(), Catch::StartsWith("\nepoch 1/2  loss 0.5000"));
}

TEST_CASE("a validation shows its progress and the time left by its own speed") {
  for (const int columns : {100, 0}) {
    Stage stage(columns, {.epochs = 2, .samples = 100, .validation_samples = 30});
    Progress& progress = *stage.progress;
    progress.begin_epoch(1);
    stage.update_at(100, 100);
    stage.text();
    stage.seconds = 1000 + 120;  // three times slower than estimated
    progress.update_validation(10);
    const std::string line = "epoch 1/2  validation 10/30  left 0:40  in all 3:20";
    CHECK(stage.text() == (columns > 0 ? "\r" + line + "\x1b[K" : line + "\n"));
    stage.seconds += columns > 0 ? 0.05 : 9;
    progress.update_validation(20);
    CHECK(stage.text().empty());
  }
}

}  // namespace
}  // namespace xtape
