#include "training/history.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

History example_history() {
  History history;
  history.add({1, {{"loss", 1.5}, {"accuracy", 0.25}, {"learning_rate", 0.001}, {"seconds", 2}}});
  history.add({2,
               {{"loss", 0.1},
                {"accuracy", 0.9375},
                {"val_loss", 0.125},
                {"val_accuracy", 0.875},
                {"learning_rate", 0.0005},
                {"seconds", 2.25}}});
  history.add({3, {{"loss", 0.5}, {"learning_rate", 0.0005}, {"seconds", 1}}});
  return history;
}

TEST_CASE("a history keeps the epochs in order") {
  const History history = example_history();
  CHECK(history.epochs().size() == 3);
  CHECK(history.epochs()[0]["loss"] == 1.5);
  CHECK(history.last().epoch == 3);
  CHECK(error_of([] { History().last(); }) == "History::last: expected at least one epoch, got none");
}

TEST_CASE("the CSV file of a history has a header, all digits, and empty fields for missing figures") {
  const test::TemporaryFolder folder;
  example_history().save_csv(folder / "history.csv");
  std::stringstream text;
  text << std::ifstream(folder / "history.csv").rdbuf();
  CHECK(text.str() ==
        "epoch,loss,accuracy,learning_rate,seconds,val_loss,val_accuracy\n"
        "1,1.5,0.25,0.001,2,,\n"
        "2,0.1,0.9375,0.0005,2.25,0.125,0.875\n"
        "3,0.5,,0.0005,1,,\n");
  const std::string message = error_of([&] { example_history().save_csv(folder / "none" / "history.csv"); });
  CHECK(message.find((folder / "none" / "history.csv").string()) != std::string::npos);
}

TEST_CASE("figures of any size come back from the CSV file with all their bits") {
  const test::TemporaryFolder folder;
  const std::vector<double> figures{0.1,    1.0 / 3, 1e-300, 123456789.123456789, 1.7976931348623157e308,
                                    5e-324, -2.0 / 7};
  History history;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    history.add({.epoch = static_cast<int>(i) + 1, .figures = {{"loss", figures[i]}}});
  }
  history.save_csv(folder / "history.csv");
  std::ifstream file(folder / "history.csv");
  std::string line;
  std::getline(file, line);
  for (const double figure : figures) {
    REQUIRE(std::getline(file, line));
    CHECK(std::strtod(line.c_str() + line.find(',') + 1, nullptr) == figure);
  }
}

TEST_CASE("names with commas and quotes are quoted in the CSV file of a history") {
  const test::TemporaryFolder folder;
  History history;
  history.add({.epoch = 1, .figures = {{"loss", 1}, {"a,b_loss", 2}, {"the \"c\"_loss", 3}, {"two words_loss", 4}}});
  history.save_csv(folder / "history.csv");
  std::stringstream text;
  text << std::ifstream(folder / "history.csv").rdbuf();
  CHECK(text.str() == "epoch,loss,\"a,b_loss\",\"the \"\"c\"\"_loss\",two words_loss\n1,1,2,3,4\n");
}

TEST_CASE("the table of a history has a line for each epoch") {
  CHECK(example_history().table() ==
        "epoch      loss  accuracy  learning_rate   seconds  val_loss  val_accuracy\n"
        "    1    1.5000     25.0%          0.001    2.0000         -             -\n"
        "    2    0.1000     93.8%         0.0005    2.2500    0.1250         87.5%\n"
        "    3    0.5000         -         0.0005    1.0000         -             -\n");
}

TEST_CASE("figures are found by name and added in order") {
  Figures figures{{"loss", 0.5}, {"accuracy", 0.75}};
  CHECK(figures["accuracy"] == 0.75);
  CHECK_FALSE(figures.contains("auc"));
  CHECK(error_of([&] { (void)figures["auc"]; }) == "Figures: expected one of loss, accuracy, got \"auc\"");
  CHECK(error_of([] { (void)Figures()["auc"]; }) == "Figures: expected one of none, got \"auc\"");
  figures.append({{"loss", 0.25}}, "val_");
  figures.set("loss", 1);
  CHECK(figures == Figures{{"loss", 1}, {"accuracy", 0.75}, {"val_loss", 0.25}});
  CHECK(to_string(figures) == "loss 1.0000, accuracy 75.0%, val_loss 0.2500");
}

}  // namespace
}  // namespace xtape
