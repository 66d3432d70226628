#include "training/data/image_folder.hpp"

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>
#include <tuple>

#include "framework/io/image.hpp"
#include "framework/io/resize.hpp"
#include "models/zoo/conv_net.hpp"
#include "optim/adam.hpp"
#include "tests/io/files.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"
#include "training/data/check_progress.hpp"
#include "training/data/data_loader.hpp"
#include "training/fit.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

/// An image with one colour, which depends on the number.
Tensor plain(int number) { return Tensor::full({6, 5, 3}, 10 * number, DType::uint8); }

/// Three cats (numbers 1 to 3) and two dogs (4 and 5), and other files.
void write_animals(const fs::path& folder) {
  fs::create_directories(folder / "cat" / "kittens");
  fs::create_directories(folder / "dog");
  fs::create_directories(folder / ".hidden");
  write_png(folder / "cat" / "b.png", plain(2));
  write_png(folder / "cat" / "a.PNG", plain(1));
  write_png(folder / "cat" / "c.jpg", plain(3));  // a PNG file: the content determines the format
  write_png(folder / "cat" / ".d.png", plain(9));
  write_png(folder / "cat" / "kittens" / "e.png", plain(9));
  write_png(folder / "dog" / "z.png", plain(4));
  write_png(folder / "dog" / "zz.jpeg", plain(5));
  write_png(folder / ".hidden" / "f.png", plain(9));
  std::ofstream(folder / "dog" / "notes.txt") << "good dogs";
  std::ofstream(folder / "README.png") << "no class";
}

ImageFolderOptions size(std::int64_t height, std::int64_t width) { return {.height = height, .width = width}; }

}  // namespace

TEST_CASE("a folder with a folder for each class is a data set with the names of the folders") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const auto [data, files, skipped, unreadable] = load_image_folder(folder.path(), size(4, 3));
  CHECK(unreadable.empty());
  CHECK(data.size() == 5);
  CHECK(data.classes() == 2);
  CHECK(data.class_names() == std::vector<std::string>{"cat", "dog"});
  CHECK(identical(data.target(), Tensor::labels({0, 0, 0, 1, 1})));
  CHECK(data.input_shape() == Shape{4, 3, 3});
  CHECK(data.input_dtypes() == std::vector<DType>{DType::uint8});
  CHECK_FALSE(data.in_memory());
  CHECK(skipped == 5);  // .d.png, kittens, notes.txt, .hidden, README.png
  REQUIRE(files.size() == 5);
  CHECK(files[1] == folder / "cat" / "b.png");
  for (int i = 0; i < 5; ++i)
    CHECK(identical(data.sample(i).front(), Tensor::full({4, 3, 3}, 10 * (i + 1), DType::uint8)));
  CHECK(error_of([&images = data] { images.sample(5); }) == "Dataset::sample: expected an index in [0, 5), got 5");
  CHECK(error_of([&images = data] { images.input(); }) ==
        "Dataset::inputs: expected samples in memory, got 5 that are read when a batch needs them; take them one by "
        "one with sample(), or in batches with a DataLoader");
}

TEST_CASE("image files that are broken or circular links are unreadable, folders of this kind are skipped") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  fs::create_symlink("nowhere.png", folder / "cat" / "e.png");
  fs::create_symlink("f.png", folder / "cat" / "f.png");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("b.png", folder / "cat" / "g.png");
  fs::create_symlink("nowhere", folder / "cat" / "notes");
  CHECK_THAT(error_of([&] { load_image_folder(folder.path(), size(4, 3)); }),
             Contains("got 2 of 8 that can't") && Contains((folder / "cat" / "e.png").string()) &&
                 Contains((folder / "cat" / "f.png").string()));
  const auto [data, files, skipped, unreadable] =
      load_image_folder(folder.path(), {.height = 4, .width = 3, .skip_unreadable = true, .show_progress = false});
  CHECK(data.size() == 6);
  CHECK(skipped == 5 + 2);
  REQUIRE(unreadable.size() == 2);
  CHECK(unreadable[0].file == folder / "cat" / "e.png");
}

TEST_CASE("batches of a folder equal those of the same images in memory, with and without prefetching") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const Dataset files = load_image_folder(folder.path(), size(7, 7)).data.subset({4, 0, 1, 3, 2, 0, 4, 1});
  Tensor images = Tensor::empty({8, 7, 7, 3}, DType::uint8);
  for (std::int64_t i = 0; i < 8; ++i) {
    std::copy_n(files.sample(i).front().data<std::uint8_t>(), 147, images.mutable_data<std::uint8_t>() + 147 * i);
  }
  const Dataset memory(images, files.target(), files.class_names());
  CHECK(identical(files.rows(2, 4).sample(1).front(), memory.rows(2, 4).sample(1).front()));
  CHECK(identical(split(files, 0.25, 3).test.sample(1).front(), split(memory, 0.25, 3).test.sample(1).front()));
  const KernelSettings restored;
  for (const int threads : {1, 3}) {
    kernels::set_num_threads(threads);
    for (const std::int64_t prefetch : {0, 1, 5}) {
      const DataLoaderOptions options{
          .batch_size = 3, .seed = 5, .augmentation = {.horizontal_flip = true, .shift = 0.4}, .prefetch = prefetch};
      const Epoch epoch = DataLoader(files, options).epoch(2);
      DataLoaderOptions plainly = options;
      plainly.prefetch = 0;
      const Epoch expected = DataLoader(memory, plainly).epoch(2);
      for (std::int64_t i = 0; i < 3; ++i) {
        const Batch batch = epoch[i], wanted = expected[i];
        CHECK(identical(batch.input(), wanted.input()));
        CHECK(identical(batch.target(), wanted.target()));
      }
    }
  }
}

TEST_CASE("an image that cannot be decoded is an error that names the file where its batch is requested") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const Dataset data = load_image_folder(folder.path(), size(4, 4)).data;
  std::ofstream(folder / "dog" / "z.png", std::ios::trunc) << "no image";  // damaged after it was checked
  for (const std::int64_t prefetch : {0, 2}) {
    const Epoch epoch = DataLoader(data, {.batch_size = 2, .shuffle = false, .prefetch = prefetch}).epoch(0);
    CHECK(epoch[0].target().at({1}) == 0);
    CHECK_THAT(error_of([&] { epoch[1]; }), Contains((folder / "dog" / "z.png").string()));
    CHECK(epoch[2].size() == 1);
  }
  Model model = conv_net({.input = {4, 4, 3}, .classes = 2, .stages = {{2, 3, 2}}});
  Adam adam(model.parameters());
  CHECK_THAT(error_of([&] { fit(model, adam, data, {.batch_size = 2, .show_progress = false}); }),
             Contains("read_image: expected a JPEG or PNG file, got another or an empty one: ") && Contains("z.png"));
}

TEST_CASE("all images are checked at the start, and unreadable ones are listed or left out") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const std::string whole = read_bytes(folder / "dog" / "z.png");
  write_bytes(folder / "cat" / "a.PNG", "");
  write_bytes(folder / "cat" / "c.jpg", "no image");
  write_bytes(folder / "dog" / "y.png", whole.substr(0, whole.size() - 20));
  std::string damaged = whole;
  damaged[whole.find("IDAT") + 8] ^= 1;
  write_bytes(folder / "dog" / "zz.jpeg", damaged);
  const KernelSettings restored;
  for (const int threads : {1, 3}) {
    kernels::set_num_threads(threads);
    const std::string error = error_of([&] { load_image_folder(folder.path(), size(4, 4)); });
    CHECK_THAT(error,
               Contains("got 4 of 6 that can't; remove them or set skip_unreadable (programs: --skip-unreadable):"));
    std::size_t at = 0;  // index over all files in order
    for (const std::string name : {"cat/a.PNG", "cat/c.jpg", "dog/y.png", "dog/zz.jpeg"}) {
      CHECK_THAT(error, Contains((folder / name).string()));
      CHECK(error.find(name) > at);
      at = error.find(name);
    }
    const ImageFolder left =
        load_image_folder(folder.path(), {.height = 4, .width = 3, .skip_unreadable = true, .show_progress = false});
    CHECK(left.unreadable.size() == 4);
    CHECK(left.unreadable[2].file == folder / "dog" / "y.png");
    CHECK_THAT(left.unreadable[2].reason,
               Contains("read_image: expected an undamaged PNG file, got: the file ends too early; in "));
    CHECK(left.files == std::vector<fs::path>{folder / "cat" / "b.png", folder / "dog" / "z.png"});
    CHECK(identical(left.data.target(), Tensor::labels({0, 1})));
    CHECK(identical(left.data.sample(1).front(), Tensor::full({4, 3, 3}, 40, DType::uint8)));
  }
  fs::remove(folder / "dog" / "z.png");
  CHECK_THAT(error_of([&] { load_image_folder(folder.path(), {.height = 4, .width = 4, .skip_unreadable = true}); }),
             Contains("load_image_folder: expected JPEG or PNG files that can be read in the folder of each class, got "
                      "none in dog in ") &&
                 Contains("remove what is no class"));
  for (int i = 0; i < 20; ++i) write_bytes(folder / "dog" / fmt::format("n{}.png", i), "");
  CHECK_THAT(error_of([&] { load_image_folder(folder.path(), size(4, 4)); }), Contains("\n  and 14 more"));
  const auto dogs = [](int i) { return fmt::format("n{}.png", i); };
  for (int i = 0; i < 13; ++i) fs::remove(folder / "dog" / dogs(i));
  const auto message = [&] { return error_of([&] { load_image_folder(folder.path(), size(4, 4)); }); };
  CHECK_THAT(message(), Contains("got 11 of 12 that can't") && Catch::EndsWith("\n  and 1 more"));
  fs::remove(folder / "dog" / dogs(13));
  CHECK_THAT(message(), Contains("got 10 of 11 that can't") && Contains(dogs(19)) && !Contains(" more"));
}

TEST_CASE("the progress of checks is shown after two seconds, and is redrawn on terminals only") {
  struct Row {
    double seconds;
    std::string log, terminal;
  };
  const std::vector<Row> rows = {
      {1, "", ""},
      {1.99, "", ""},
      {2, "checked 3 of 9 images\n", "\rchecked 3 of 9 images"},
      {2.1, "", ""},
      {2.25, "", "\rchecked 5 of 9 images"},
      {11.9, "", "\rchecked 6 of 9 images"},
      {12, "checked 7 of 9 images\n", ""},
      {12.2, "", "\rchecked 8 of 9 images"},
  };
  for (const bool terminal : {false, true}) {
    std::ostringstream stream;
    double now = 100;
    {
      CheckProgress progress(9, {&stream, [&] { return terminal ? 80 : 0; }, [&] { return now; }});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(terminal, rows[i].seconds);
        now = 100 + rows[i].seconds;
        stream.str("");
        progress.update(i + 1);
        CHECK(stream.str() == (terminal ? rows[i].terminal : rows[i].log));
      }
      stream.str("");
    }
    CHECK(stream.str() == (terminal ? "\n" : ""));
  }
}

TEST_CASE("class folders with names that a model file cannot store are rejected at the start") {
  for (const auto& [name, shown, why] :
       {std::tuple{"caf\xe9", "\"caf?\"", "in UTF-8, got byte 0xe9"}, {"a\nb", "\"a?b\"", "control characters"}}) {
    const TemporaryFolder folder;
    write_animals(folder.path());
    fs::rename(folder / "dog", folder / name);
    CHECK_THAT(error_of([&] { load_image_folder(folder.path(), size(4, 4)); }),
               Contains(shown) && Contains(why) && Contains("rename it") && Contains(folder.path().string()));
  }
  const TemporaryFolder folder;
  write_animals(folder.path());
  fs::rename(folder / "cat" / "b.png", folder / "cat" / "\xe9.png");  // a file name may have any bytes
  fs::rename(folder / "dog", folder / "\u732b");
  CHECK(load_image_folder(folder.path(), size(4, 4)).data.class_names()[1] == "\u732b");
}

TEST_CASE("a network is trained on a folder") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const Dataset data = load_image_folder(folder.path(), size(4, 4)).data;
  Model model = conv_net({.input = {4, 4, 3}, .classes = 2, .stages = {{4, 3, 2}}});
  Adam adam(model.parameters(), {.learning_rate = 0.05});
  const History history = fit(model, adam, data, {.epochs = 60, .batch_size = 2, .show_progress = false});
  CHECK(evaluate(model, data)["accuracy"] == 1.0);
}

TEST_CASE("fit augments images differently in each epoch") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const Dataset data = load_image_folder(folder.path(), size(4, 4)).data;
  const auto losses = [&](const Augmentation& augmentation) {
    Model model = conv_net({.input = {4, 4, 3}, .classes = 2, .stages = {{2, 3, 2}}});
    Adam adam(model.parameters());
    const History history = fit(model, adam, data, {.epochs = 2, .augmentation = augmentation, .show_progress = false});
    return std::pair(history.epochs()[0]["loss"], history.epochs()[1]["loss"]);
  };
  const Augmentation brightness{.brightness = 0.5};
  CHECK(losses(brightness) == losses(brightness));
  CHECK(losses(brightness) != losses({}));
}

TEST_CASE("load_image returns grey values for one channel") {
  const TemporaryFolder folder;
  write_animals(folder.path());
  const Tensor image = load_image(folder / "cat" / "b.png", {.height = 3, .width = 9, .channels = 1});
  CHECK(identical(image, Tensor::full({3, 9, 1}, 20, DType::uint8)));
  const auto error = [&](const ImageFolderOptions& options) {
    return error_of([&] { load_image(folder / "cat" / "b.png", options); });
  };
  CHECK(error({.height = 0, .width = 4}) == "load_image: expected a height and a width of 1 to 65536, got 0 and 4");
  CHECK(error({.height = 4, .width = 4, .channels = 2}) == "load_image: expected 3 or 1 channels, got 2");
}

TEST_CASE("folders without images and invalid options are rejected") {
  const TemporaryFolder folder;
  const auto error = [&](const ImageFolderOptions& options) {
    return error_of([&] { load_image_folder(folder.path(), options); });
  };
  CHECK_THAT(error(size(4, 4)),
             Contains("load_image_folder: expected folders with JPEG or PNG files, one for each class, in ") &&
                 Contains("got 0 folders and no image in them") && Contains(folder.path().string()));
  fs::create_directories(folder / "empty");
  CHECK_THAT(error(size(4, 4)),
             Contains("load_image_folder: expected folders with JPEG or PNG files, one for each class, in ") &&
                 Contains("got 1 folder and no image in them") && !Contains("itself"));
  write_png(folder / "a.png", plain(1));
  CHECK_THAT(error(size(4, 4)), Contains("; 1 image lies in " + folder.path().string() + " itself; put it into a"));
  write_png(folder / "b.png", plain(1));
  CHECK_THAT(error(size(4, 4)), Contains("; 2 images lie in " + folder.path().string() + " itself; put them into"));
  fs::create_directories(folder / "cat");
  fs::create_directories(folder / "none");
  write_png(folder / "cat" / "a.png", plain(1));
  CHECK_THAT(error(size(4, 4)), Contains("got none in empty, none in " + folder.path().string()));
  CHECK(error(size(0, 4)) == "load_image_folder: expected a height and a width of 1 to 65536, got 0 and 4");
  CHECK(error(size(4, 70000)) == "load_image_folder: expected a height and a width of 1 to 65536, got 4 and 70000");
  CHECK(error({.height = 4, .width = 4, .channels = 2}) == "load_image_folder: expected 3 or 1 channels, got 2");
  CHECK_THAT(error_of([&] { load_image_folder(folder / "nowhere", size(4, 4)); }),
             Contains("load_image_folder: expected a folder that can be read, got ") &&
                 Contains("No such file or directory") && Contains("nowhere"));
}
