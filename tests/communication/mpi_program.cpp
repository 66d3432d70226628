// One rank of a run under mpirun, which does what a test asks for.
#include <dlfcn.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "framework/communication/communicator.hpp"
#include "framework/communication/tree_sum.hpp"
#include "framework/tensor/random.hpp"

using namespace xtape;

namespace {

bool stops_at_the_end = false;

Tensor numbers(int rank, std::int64_t size, DType dtype) {
  const Tensor x = RandomStream(static_cast<std::uint64_t>(rank)).uniform({size}, -1, 1).to(DType::float64);
  std::vector<double> values = x.to_vector();
  for (double& value : values) value *= dtype == DType::int64 ? 1e6 : 1;
  if (dtype == DType::int64) {
    for (double& value : values) value = static_cast<double>(static_cast<std::int64_t>(value));
  }
  return Tensor::of({size}, values, dtype);
}

void require(bool right, const char* what) { check(right, "{} gives other values", what); }

/// All operations against their definitions.
void compute(Communicator& ranks) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64}) {
    for (const std::int64_t size : {0, 1, 5, 1000, 300'001}) {
      std::vector<Tensor> terms;
      for (int r = 0; r < ranks.size(); ++r) terms.push_back(numbers(r, size, dtype));
      const Tensor sum = tree_sum(terms), own = terms[static_cast<std::size_t>(ranks.rank())];
      require(identical(ranks.all_reduce(own), sum), "all_reduce");
      const std::int64_t begin = ranks.segment_begin(size, ranks.rank()),
                         end = ranks.segment_begin(size, ranks.rank() + 1);
      const Tensor segment = ranks.reduce_scatter(own);
      require(identical(segment, sum.rows(begin, end)), "reduce_scatter");
      require(identical(ranks.all_gather(segment), sum), "all_gather");
      for (int root = 0; root < ranks.size(); ++root) {
        require(identical(ranks.broadcast(own, root), terms[static_cast<std::size_t>(root)]), "broadcast");
      }
    }
  }
  std::vector<Tensor> terms;
  for (int r = 0; r < ranks.size(); ++r) terms.push_back(rounded(numbers(r, 1000, DType::float32), Wire::bfloat16));
  require(identical(ranks.all_reduce(numbers(ranks.rank(), 1000, DType::float32), Wire::bfloat16),
                    rounded(tree_sum(terms), Wire::bfloat16)),
          "all_reduce with 16 bits");
  std::vector<PendingTensor> pending;
  for (int i = 0; i < 20; ++i) pending.push_back(ranks.start_all_reduce(Tensor::full({50'000}, i)));
  while (!pending.back().ready()) {  // it makes progress without a call that waits
  }
  for (int i = 19; i >= 0; --i) {
    require(identical(pending[static_cast<std::size_t>(i)].wait(), Tensor::full({50'000}, i * ranks.size())),
            "in flight");
  }
  ranks.check_same("text", "the same");
  require(ranks.all_gather(std::to_string(ranks.rank())).back() == std::to_string(ranks.size() - 1),
          "all_gather of texts");
}

/// Sums without end; rank 0 reports each.
void loop(Communicator& ranks) {
  for (int step = 0;; ++step) {
    ranks.all_reduce(Tensor::zeros({20'000}));
    if (ranks.rank() != 0) continue;
    fmt::print("step {}\n", step);
    std::fflush(stdout);
  }
}

void run(const std::string& what, Communicator& ranks) {
  fmt::print("rank {} of {} is process {} now\n", ranks.rank(), ranks.size(), getpid());
  std::fflush(stdout);
  const bool unusual = ranks.rank() == 1;
  if (what == "compute") compute(ranks);
  if (what == "loop") loop(ranks);
  if (what == "differ") ranks.all_reduce(Tensor::zeros({unusual ? 4 : 5}));
  if (what == "leave" && !unusual) ranks.barrier();
  if (what == "finalize") stops_at_the_end = unusual;
  if (what == "stop" && unusual) pause();
  if (what == "halt" && unusual) raise(SIGSTOP);
  if (what == "stop" || what == "halt") ranks.barrier();
  if (what == "throw" || what == "stay") {
    ranks.barrier();
    if (unusual) throw std::runtime_error("the disk is full");
    ranks.all_reduce(Tensor::zeros({100'000}));
  }
}

}  // namespace

/// Comes before the function of the MPI library, so that a rank can stop where all others wait for it in MPI_Finalize.
extern "C" int MPI_Finalize() {
  if (stops_at_the_end) raise(SIGSTOP);
  return reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "PMPI_Finalize"))();
}

int main(int argc, char** argv) {
  const std::string what = argc >= 2 ? argv[1] : "";
  try {
    const auto timeout = std::chrono::milliseconds(argc == 3 ? std::stoi(argv[2]) : 300'000);
    const auto communicator = mpi_communicator({.timeout = timeout});
    if (what == "compute") {
      try {
        mpi_communicator();
      } catch (const Error& error) {
        fmt::print("{}\n", error.what());
      }
    }
    run_rank(communicator, [&](const auto& ranks) { run(what, *ranks); });
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    std::fflush(stderr);
    if (what == "stay") pause();
    return 2;
  }
  fmt::print("a rank has ended in good order\n");
}
