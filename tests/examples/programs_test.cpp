// The programs from outside: exit statuses, and errors before any work is done.

#include "tests/examples/programs.hpp"

#include <nlohmann/json.hpp>
#include <xtape/xtape.hpp>

namespace fs = std::filesystem;
using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

TEST_CASE("--help has exit status 0, and a wrong command line exit status 2") {
  const Programs run;
  for (const std::string program : {"custom_op", "custom_layer", "custom_metric", "two_tasks", "manual_loop", "train",
                                    "segmentation", "lab/lab", "predict", "evaluate", "convert"}) {
    INFO(program);
    CHECK(run(program + " --help").status == 0);
    CHECK(run(program + " --no-such-option").status == 2);
  }
}

TEST_CASE("output that cannot be written is an error") {
  const Programs run;
  for (const std::string program : {"custom_op", "custom_op --help", "train --help"}) {
    check_refused(run(program, "/dev/full"), "standard output");
  }
}

TEST_CASE("a program that cannot write its message has the exit status of an error") {
  const Programs run;
  const auto input = Input({4, 4, 3});
  save_model(Model(input, Dense({.units = 2})(Flatten()(input))), run.folder() / "model");
  std::ofstream(run.folder() / "damaged.png") << "none";
  for (const std::string command :
       {"custom_op --no-such-option", "train --no-such-option", "train --resume none", "train --model none",
        "evaluate --model model --data none", "predict --model none damaged.png", "predict --model model damaged.png",
        "convert model model", "lab/lab --data none", "gradcheck --batch 0", "profile --steps 0", "tutorial_train none",
        "tutorial_name none.png"}) {
    for (const std::string streams :
         {">/dev/null 2>/dev/full", ">/dev/null 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"}) {
      INFO(command << " " << streams);
      CHECK(run(fmt::format("{} {}; echo $?", command, streams)).text == "2\n");
    }
  }
}

TEST_CASE("a message of the library that cannot be written changes nothing") {
  const Programs run;
  const std::string command =
      "XTAPE_NUM_THREADS=none " + run.programs() + "/profile --quick --batch 1 --image-size 32 --classes 2 --steps 1";
  CHECK_THAT(run("custom_op --help > /dev/null; " + command).text, Contains("expected XTAPE_NUM_THREADS to be"));
  for (const std::string stream : {"2>/dev/full", "2>&-"}) {
    CHECK(run(fmt::format("custom_op --help > /dev/null; {} > /dev/null {}; echo $?", command, stream)).text == "0\n");
  }
}

TEST_CASE("what a program prints gets into no file if its streams are closed") {
  const Programs run;
  write_other_data(run.folder());
  const std::string command = "train --data . --quick --output out --tensorboard board";
  CHECK(run(command + " <&- >&- 2>&-; echo $?").text == "2\n");
  std::int64_t files = 0;
  for (const std::string folder : {"out", "board"}) {
    for (const auto& entry : fs::recursive_directory_iterator(run.folder() / folder)) {
      if (!entry.is_regular_file()) continue;
      INFO(entry.path());
      const std::string bytes = bytes_of(entry.path());
      CHECK((bytes.find("small (default)") == std::string::npos && bytes.find("epoch 1/1") == std::string::npos));
      ++files;
    }
  }
  CHECK(files > 4);
}

TEST_CASE("train rejects invalid options before it makes a folder") {
  const Programs run;
  check_refused(run("train --seed -1"), "--seed");
  check_refused(run("train --data ''"), "--data");
  check_refused(run("train --output ''"), "--output");
  for (const std::string rate : {"nan", "inf", "0", "-1"}) check_refused(run("train --learning-rate " + rate), "rate");
  check_refused(run("train --threads 4000"), "--threads");
  check_refused(run("train --validation 1"), "--validation");
  check_refused(run("train --data " + run.folder().string()), "train-images-idx3-ubyte");
  check_refused(run("train --model resnet50"), "--data FOLDER");
  CHECK_FALSE(fs::exists(run.folder() / "runs"));
}

TEST_CASE("train detects before the first epoch that its results cannot be written") {
  const Programs run;
  write_other_data(run.folder());
  const std::string train = "train --quick --data " + run.folder().string() + " --output ";
  for (const fs::path& folder : {fs::path("/proc/self"), fs::path("/proc/self/none"), run.folder() / "log" / "below"}) {
    const Run result = run(train + folder.string());
    check_refused(result, "train: expected to be able to");
    CHECK(result.text.find("epoch") == std::string::npos);
  }
}

TEST_CASE("train checks the accuracy of a recipe for its data and values, in every way of giving them") {
  const Programs run;
  write_other_data(run.folder());
  const Run other = run("train --quick --data " + run.folder().string());
  INFO(other.text);
  CHECK(other.status == 0);
  CHECK(other.text.find("target") == std::string::npos);
  if (!fs::exists("/usr/share/datasets/fashion-mnist")) skip("no Fashion-MNIST");
  CHECK_THAT(run("train --quick --batch-size 64 --learning-rate 2e-3").text, Contains("target accuracy 0.54"));
  CHECK_THAT(run("train --quick --data /usr/share/datasets/fashion-mnist/").text, Contains("target accuracy 0.54"));
  CHECK(run("train --quick --batch-size 128").text.find("target") == std::string::npos);
}

TEST_CASE("evaluate and predict use models of train") {
  const Programs run;
  write_other_data(run.folder());
  const std::string data = "--data " + run.folder().string();
  REQUIRE(run("train --quick --output trained " + data).status == 0);
  const std::string model = " --model trained/model.safetensors ";
  const Run judged = run("evaluate" + model + data);
  INFO(judged.text);
  CHECK(judged.status == 0);
  CHECK_THAT(judged.text, Contains("320 test images of mnist: loss ") && Contains("precision") && Contains("\n9  ") &&
                              Contains("confusion"));
  xtape::write_png(run.folder() / "photo.png", xtape::Tensor::full({30, 40, 3}, 99, xtape::DType::uint8));
  const Run named = run("predict" + model + "photo.png . --top 2 --classes a,b,c,d,e,f,g,h,i,j");
  INFO(named.text);
  CHECK(named.status == 0);
  CHECK_THAT(named.text, Contains("photo.png\n  ") && Contains("./photo.png\n  ") && Contains(" % "));
  const Run json = run("predict --json" + model + "photo.png");
  const nlohmann::json list = nlohmann::json::parse(json.text);
  REQUIRE(list.size() == 1);
  CHECK(list[0]["file"] == "photo.png");
  REQUIRE(list[0]["predictions"].size() == 3);
  CHECK(list[0]["predictions"][0]["probability"] >= list[0]["predictions"][1]["probability"]);
  check_refused(run("predict" + model + "labels photo.png"), "labels: No such file");
  // the other photograph is classified nevertheless
  CHECK_THAT(run("predict" + model + "none.png photo.png").text, Contains("\nphoto.png\n"));
  check_refused(run("predict --classes a,b" + model + "photo.png"), "the names of 10 classes, got 2");
  check_refused(run("evaluate --model none"), "none");
  fs::create_directory(run.folder() / "empty");
  check_refused(run("evaluate" + model + "--data empty"), "got none of them in empty");
  check_refused(run("evaluate" + model + "--data photo.png"), "load_data: expected a folder, got photo.png");
}

TEST_CASE("train and evaluate accept folders of photographs") {
  const Programs run;
  for (const std::string part : {"train", "test"}) {
    for (const auto& [name, value] : {std::pair{"dark", 20}, {"light", 220}}) {
      fs::create_directories(run.folder() / part / name);
      for (int i = 0; i < 8; ++i) {
        xtape::write_png(run.folder() / part / name / fmt::format("{}.png", i),
                         xtape::Tensor::full({20 + i, 30, 3}, value + 4 * i, xtape::DType::uint8));
      }
    }
  }
  for (const std::string among : {"--data train --output train/kept", "--data . --output ./test/kept/run",
                                  "--data train --output train", "--data ../$(basename $PWD)/train --output train/x"}) {
    check_refused(run("train --model convnet --epochs 1 " + among), "expected a folder for the run that is not among");
  }
  CHECK_FALSE((fs::exists(run.folder() / "train" / "kept") || fs::exists(run.folder() / "test" / "kept")));
  const Run trained = run("train --model convnet --epochs 3 --output trained --data .");
  INFO(trained.text);
  CHECK(trained.status == 0);
  CHECK_THAT(trained.text, Contains("16 training and 16 test images (64, 64, 3)"));
  const Run judged = run("evaluate --model trained/model.safetensors --data .");
  INFO(judged.text);
  CHECK(judged.status == 0);
  CHECK_THAT(judged.text, Contains("16 test images of photographs") && Contains("\ndark ") && Contains("\nlight "));
  fs::rename(run.folder() / "test" / "dark", run.folder() / "test" / "darker");
  check_refused(run("train --model convnet --data ."), "in train, which are dark, light, got also darker");
  fs::remove_all(run.folder() / "test" / "darker");
  CHECK_THAT(run("evaluate --model trained/model.safetensors --data .").text, Contains("\nno images of dark: "));
}

TEST_CASE("train accepts a split with other images beside it, and rejects ambiguous folders") {
  const Programs run;
  const auto add = [&](const std::string& folder) { write_grey_images(run.folder() / folder, 100, 8); };
  const auto error = [&](const std::string& data) {
    const Run trained = run("train --model convnet --epochs 1 --output none --data " + data);
    INFO(trained.text);
    CHECK(trained.status == 2);
    CHECK_FALSE(fs::exists(run.folder() / "none"));
    CHECK_THAT(trained.text, Contains("expected a folder of images for each class, or train/ and test/"));
    return trained.text;
  };
  for (const std::string folder : {"a/train/x", "a/train/y", "a/test/x", "a/test/y", "a/train", "a/test", "a/sample"}) {
    add(folder);
  }
  const Run trained = run("train --model convnet --epochs 1 --output out --data a");
  INFO(trained.text);
  CHECK_THAT(trained.text,
             Contains("16 training and 16 test images") && Contains("train: 8 entries that are no images"));
  for (const std::string folder : {"b/train/x", "b/train/y", "b/val/x", "b/val/y"}) add(folder);
  CHECK_THAT(error("b"), Contains("got train/ and val/ with folders of images in /"));
  for (const std::string folder : {"c/Train/x", "c/Train/y", "c/Test/x", "c/Test/y"}) add(folder);
  CHECK_THAT(error("c"), Contains("small letters") && Contains("got Test/ and Train/ with folders of images in /"));
  // each may be a class or a part of a split
  for (const std::string folder : {"d/train", "d/train/x", "d/bus"}) add(folder);
  CHECK_THAT(error("d"), Contains("got train/ with folders of images in /"));
  for (const std::string folder : {"e/train/x", "e/train/y", "e/test"}) add(folder);
  CHECK_THAT(error("e"), Contains("got train/ with folders of images in /"));
  for (const std::string folder : {"f/train", "f/test"}) add(folder);
  CHECK_THAT(error("f"), Contains("got test/ and train/ with images, which may be classes or parts, in /"));
}

TEST_CASE("a class may be named train, and unreadable photographs are listed or left out") {
  const Programs run;
  for (const auto& [name, value] : {std::pair{"train", 20}, {"bus", 220}}) {
    fs::create_directories(run.folder() / "photos" / name);
    for (int i = 0; i < 10; ++i) {
      xtape::write_png(run.folder() / "photos" / name / fmt::format("{}.png", i),
                       xtape::Tensor::full({20, 30, 3}, value + i, xtape::DType::uint8));
    }
  }
  const std::string train = "train --model convnet --epochs 1 --data photos --output ";
  CHECK_THAT(run(train + "first").text, Contains("16 training and 4 test images"));
  // a folder among the images of "train" does not make it a split
  fs::create_directory(run.folder() / "photos" / "train" / "new");
  CHECK_THAT(run(train + "second --report").text, Contains("16 training and 4 test images"));
  CHECK_THAT(bytes_of(run.folder() / "second/report.html"), Contains(">bus<"));
  std::ofstream(run.folder() / "photos" / "bus" / "x.jpg") << "no image";
  check_refused(run(train + "third"), "got 1 of 21 that can't");
  CHECK_FALSE(fs::exists(run.folder() / "third"));
  const Run trained = run(train + "third --skip-unreadable");
  CHECK_THAT(trained.text, Contains("left out 1 of 21 images, which can't be read\n") && Contains("bus/x.jpg") &&
                               Contains("16 training and 4 test images"));
  const std::string evaluate = "evaluate --model third/model.safetensors --data photos";
  check_refused(run(evaluate), "bus/x.jpg");
  CHECK(run(evaluate + " --skip-unreadable").status == 0);
}

TEST_CASE("an interrupted train prints how to resume, and the resumed run ends with the same weights") {
  const Programs run;
  write_other_data(run.folder());
  const std::string options = "--batch-size 16 --threads 1 --validation 0.25 --report --output ";
  REQUIRE(run("train --data . --epochs 60 " + options + "whole").status == 0);
  BackgroundTraining stopped(run, options + "part");
  stopped.read_until("\nepoch  3/60");
  const fs::path report = run.folder() / "part/report.html";
  const std::string running = bytes_of(report);
  CHECK(number_after(running, "<div class='facts'><div><b>") >= 2);
  CHECK_THAT(running, Contains(" of 60</b><span>epochs, running</span>") && Contains("http-equiv='refresh'"));
  stopped.send(SIGINT);
  const int status = stopped.wait();
  INFO(stopped.text());
  CHECK(status == 130);
  CHECK_THAT(stopped.text(), Contains("stopped: interrupted (SIGINT)\nto resume: ./run train --resume " +
                                      (run.folder() / "part").string() + "\n"));
  CHECK_THAT(bytes_of(report), Contains("Stopped: interrupted (SIGINT).") && !Contains("http-equiv"));
  const Run rest = run("train --resume part");
  INFO(rest.text);
  CHECK(rest.status == 0);
  CHECK(bytes_of(run.folder() / "whole/model.safetensors").size() > 1000);
  CHECK(bytes_of(run.folder() / "whole/model.safetensors") == bytes_of(run.folder() / "part/model.safetensors"));
  CHECK_THAT(bytes_of(report), Contains("Confusion matrix") && !Contains("http-equiv"));
  CHECK_THAT(rest.text, Contains("240 training, 80 validation and"));
  CHECK_THAT(bytes_of(run.folder() / "part/history.csv"), Contains("val_accuracy"));
}

TEST_CASE("the report of a run that ends with an error no longer reloads itself") {
  const Programs run;
  write_other_data(run.folder());
  check_refused(run("train --quick --data . --report --learning-rate 1e38 --output x"), "expected a finite");
  CHECK_THAT(bytes_of(run.folder() / "x/report.html"),
             Contains("<p class='note'>Stopped: an error in the first epoch.</p>") && Contains("Settings") &&
                 !Contains("http-equiv"));
  // a batch is an epoch: the loss of the second one is that of the weights of the first step
  check_refused(run("train --data . --epochs 2 --batch-size 320 --report --learning-rate 1e38 --output y"),
                "expected a finite loss, got ");
  CHECK_THAT(bytes_of(run.folder() / "y/report.html"),
             Contains("Stopped: an error, after the last epoch below.") && !Contains("http-equiv"));
}

TEST_CASE("train writes files for TensorBoard, and adds to them when it resumes") {
  const Programs run;
  write_other_data(run.folder());
  REQUIRE(run("train --quick --data . --tensorboard logs --output part").status == 0);
  const std::string events = bytes_of(fs::directory_iterator(run.folder() / "logs" / "train")->path());
  for (const std::string part : {"epoch_loss", "epoch_learning_rate", "training images", "/histogram", "Placeholder"}) {
    CHECK_THAT(events, Contains(part));
  }
  REQUIRE(run("train --resume part").status == 0);
  const fs::directory_iterator files(run.folder() / "logs" / "train");
  CHECK(std::distance(begin(files), end(files)) == 2);
  for (const std::string name : {"dark", "light"}) write_grey_images(run.folder() / "photos" / name, 50, 8);
  check_refused(run("train --model convnet --data photos --tensorboard photos/logs --output z"),
                "name another with --tensorboard");
  check_refused(run("train --tensorboard ''"), "--tensorboard");
}

TEST_CASE("train resumes only from the folder of a run, with its settings") {
  const Programs run;
  check_refused(run("train --resume none"), "train: expected the folder of a run after --resume, got none");
  check_refused(run("train --resume none --seed 3"), "--seed");
  check_refused(run("train --checkpoint-every -1"), "--checkpoint-every");
}

TEST_CASE("the programs of the tutorial make photographs, train, stop, resume and classify") {
  const Programs run;
  REQUIRE(run("tutorial_photos 600").status == 0);
  const Run first = run("tutorial_train 1");
  INFO(first.text);
  REQUIRE(first.status == 0);
  const Run rest = run("tutorial_train 4");  // finds the checkpoint of the first epoch
  INFO(rest.text);
  REQUIRE(rest.status == 0);
  CHECK_THAT(rest.text, Contains("test accuracy 0.") && Contains("epoch 2/4") && !Contains("epoch 1/4"));
  CHECK(fs::exists(run.folder() / "report.html"));
  const fs::path bag = *fs::directory_iterator(run.folder() / "photos" / "Bag");
  const Run named = run("tutorial_name '" + bag.string() + "'");
  INFO(named.text);
  CHECK(named.status == 0);
  CHECK_THAT(named.text, Contains(" %)"));
  const Run judged = run("evaluate --model clothes.safetensors --data photos");  // on the same photographs
  INFO(judged.text);
  CHECK_THAT(judged.text, Contains("120 test images"));
  CHECK(number_after(judged.text, "\naccuracy ") == Approx(number_after(rest.text, "test accuracy ")).margin(6e-4));
  CHECK_THAT(run("tutorial_train 4").text, Contains("complete already") && !Contains("epoch "));
  check_refused(run("tutorial_train abc"), "expected a number of epochs, got abc");
  fs::remove(bag);
  check_refused(run("tutorial_train 5"), "remove that folder to start a new run");
  check_refused(run("tutorial_name"), "name: expected one photograph, got 0 arguments");
  check_refused(run("tutorial_name none.png"), "none.png");
}

TEST_CASE("lab rejects a data folder without the data") {
  const Programs run;
  check_refused(run("lab/lab --quick --data " + run.folder().string()), "expected train_signs.h5");
  check_refused(run("lab/lab --quick --data /none"), "/none");
  check_refused(run("lab/lab --quick --seed -1"), "--seed");
}
