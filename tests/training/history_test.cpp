#include "training/history.hpp"

#include <fstream>
#include <sstream>

#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

History example() {
  History history;
  history.add({.epoch = 1, .loss = 1.5, .accuracy = 0.25, .learning_rate = 0.001, .seconds = 2});
  history.add({.epoch = 2,
               .loss = 0.1,
               .accuracy = 0.9375,
               .validation_loss = 0.125,
               .validation_accuracy = 0.875,
               .learning_rate = 0.0005,
               .seconds = 2.25});
  history.add({.epoch = 3, .loss = 0.5, .learning_rate = 0.0005, .seconds = 1});
  return history;
}

TEST_CASE("history keeps the epochs in order") {
  const History history = example();
  CHECK(history.epochs().size() == 3);
  CHECK(history.epochs()[0].loss == 1.5);
  CHECK(history.last().epoch == 3);
  CHECK(error_of([] { History().last(); }) == "History::last: expected at least one epoch, got none");
}

TEST_CASE("history as CSV: a header, all digits, empty fields for what was not measured") {
  const test::TemporaryFolder folder;
  example().save_csv(folder / "history.csv");
  std::stringstream text;
  text << std::ifstream(folder / "history.csv").rdbuf();
  CHECK(text.str() ==
        "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds\n"
        "1,1.5,0.25,,,0.001,2\n"
        "2,0.1,0.9375,0.125,0.875,0.0005,2.25\n"
        "3,0.5,,,,0.0005,1\n");
  const std::string message = error_of([&] { example().save_csv(folder / "none" / "history.csv"); });
  CHECK(message.find((folder / "none" / "history.csv").string()) != std::string::npos);
}

TEST_CASE("history as a table") {
  CHECK(example().table() ==
        "epoch      loss  accuracy  validation loss  validation accuracy  learning rate   seconds\n"
        "    1    1.5000    25.00%                -                    -          0.001      2.00\n"
        "    2    0.1000    93.75%           0.1250               87.50%         0.0005      2.25\n"
        "    3    0.5000         -                -                    -         0.0005      1.00\n");
}

}  // namespace
}  // namespace xtape
