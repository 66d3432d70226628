#include "training/distributed/shards.hpp"

#include <algorithm>
#include <bit>

#include "framework/error.hpp"

namespace xtape {
namespace {

/// "1, 2, 4 or 8": the numbers of ranks that can divide so many shards.
std::string possible_ranks(std::int64_t shards) {
  std::vector<std::int64_t> possible{1};
  for (std::int64_t ranks = 2; ranks <= shards; ++ranks) {
    if (shards % ranks == 0 && std::has_single_bit(static_cast<std::uint64_t>(shards / ranks))) {
      possible.push_back(ranks);
    }
  }
  if (possible.size() == 1) return "1";
  return fmt::format("{} or {}", fmt::join(possible.begin(), possible.end() - 1, ", "), possible.back());
}

/// Rows [begin, end) of all tensors of a batch.
Batch rows_of(const Batch& batch, std::int64_t begin, std::int64_t end) {
  Batch rows;
  for (const Tensor& input : batch.inputs) rows.inputs.push_back(input.rows(begin, end));
  for (const Tensor& target : batch.targets) rows.targets.push_back(target.rows(begin, end));
  for (const Tensor& weight : batch.weights) rows.weights.push_back(weight.defined() ? weight.rows(begin, end) : weight);
  return rows;
}

}  // namespace

Shards::Shards(std::string_view function, const Distributed& distributed) : communicator_(distributed.communicator) {
  count_ = distributed.shards == 0 ? ranks_ : distributed.shards;
  check(count_ >= 1 && count_ <= most_parts, "{}: expected shards from 0 to {}, got {}", function, most_parts, count_);
  const bool divides = count_ % ranks_ == 0 && (ranks_ == 1 || std::has_single_bit(static_cast<std::uint64_t>(own())));
  check(divides,
        "{}: expected a number of shards that each rank gets the same share of, a power of 2, got {} shards on {} "
        "ranks; run it on {} ranks, or choose other shards",
        function, count_, ranks_, possible_ranks(count_));
}

DataLoaderOptions Shards::part_of(DataLoaderOptions options) const {
  options.part = rank_;
  options.parts = ranks_;
  return options;
}

std::vector<Batch> Shards::split(const Batch& part, std::int64_t rows) const {
  if (own() == 1) return {part};
  const std::int64_t before = begin_of_part(rows, rank_, ranks_);
  std::vector<Batch> shards;
  for (std::int64_t shard = first(); shard < first() + own(); ++shard) {
    shards.push_back(
        rows_of(part, begin_of_part(rows, shard, count_) - before, begin_of_part(rows, shard + 1, count_) - before));
  }
  return shards;
}

std::vector<std::vector<double>> Shards::gather(const std::vector<double>& own) const { return {own}; }

std::vector<double> Shards::gather_equal(const std::vector<double>& own) const { return own; }

std::vector<std::string> Shards::gather(const std::string& own) const { return {own}; }

std::vector<Tensor> Shards::gather(const Tensor& own) const { return {own}; }

std::vector<std::string> Shards::gather_rare(const std::string& own) const { return {own}; }

void Shards::add_up(std::span<double> /*numbers*/) const {}

void Shards::check_same(std::string_view /*function*/, const std::map<std::string, std::string>& /*own*/) const {}

void guarded(const Distributed& /*distributed*/, const std::function<void()>& f) { f(); }

}  // namespace xtape
