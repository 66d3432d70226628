// Makes a folder of pictures for training: photos/<class>/<number>.png, pictures of clothes.
#include <cstdlib>
#include <iostream>
#include <xtape/xtape.hpp>
using namespace xtape;

int main(int argc, char** argv) try {
  const std::int64_t count = argc > 1 ? std::atoll(argv[1]) : 6000;
  const Dataset clothes = load_fashion_mnist().train.rows(0, count);
  for (std::int64_t i = 0; i < clothes.size(); ++i) {
    std::string name = clothes.class_names()[static_cast<std::size_t>(clothes.target().at({i}))];
    std::replace(name.begin(), name.end(), '/', '-');  // "T-shirt/top"
    std::filesystem::create_directories("photos/" + name);
    write_png(fmt::format("photos/{}/{:05}.png", name, i), clothes.sample(i).front());
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
