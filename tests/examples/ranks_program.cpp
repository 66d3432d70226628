// One rank of a program, which does what a test asks for.
#include <unistd.h>

#include "examples/ranks.hpp"

using namespace xtape;

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what == "count") {
    fmt::print("{}\n", launched_ranks());
    return 0;
  }
  return run_on_ranks([&](const std::shared_ptr<Communicator>& ranks) {
    if (ranks->rank() == 0) pause();  // hangs, while the others disagree
    ranks->all_reduce(Tensor::zeros({ranks->rank()}));
    return 0;
  });
}
