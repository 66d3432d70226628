#include "training/distributed/shards.hpp"

#include <algorithm>
#include <bit>
#include <exception>
#include <set>
#include <sstream>

#include "framework/communication/communicator.hpp"

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

/// Names and values, each of which ends in a zero.
std::map<std::string, std::string> entries_of(const std::string& text) {
  std::map<std::string, std::string> entries;
  std::istringstream stream(text);
  for (std::string name, value; std::getline(stream, name, '\0') && std::getline(stream, value, '\0');) {
    entries[name] = value;
  }
  return entries;
}

/// Rows [begin, end) of all tensors of a batch.
Batch rows_of(const Batch& batch, std::int64_t begin, std::int64_t end) {
  Batch rows;
  for (const Tensor& input : batch.inputs) rows.inputs.push_back(input.rows(begin, end));
  for (const Tensor& target : batch.targets) rows.targets.push_back(target.rows(begin, end));
  for (const Tensor& weight : batch.weights)
    rows.weights.push_back(weight.defined() ? weight.rows(begin, end) : weight);
  return rows;
}

}  // namespace

Shards::Shards(std::string_view function, const Distributed& distributed) : communicator_(distributed.communicator) {
  if (communicator_) {
    rank_ = communicator_->rank();
    ranks_ = communicator_->size();
  }
  count_ = distributed.shards == 0 ? ranks_ : distributed.shards;
  check(count_ >= 1 && count_ <= most_parts, "{}: expected shards from 0 to {}, got {}", function, most_parts, count_);
  const bool divides =
      count_ % ranks_ == 0 && (ranks_ == 1 || std::has_single_bit(static_cast<std::uint64_t>(per_rank())));
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
  if (per_rank() == 1) return {part};
  const std::int64_t before = begin_of_part(rows, rank_, ranks_);
  std::vector<Batch> shards;
  for (std::int64_t shard = first(); shard < first() + per_rank(); ++shard) {
    shards.push_back(
        rows_of(part, begin_of_part(rows, shard, count_) - before, begin_of_part(rows, shard + 1, count_) - before));
  }
  return shards;
}

std::vector<double> Shards::concatenated(const std::vector<double>& own) const {
  if (ranks_ == 1) return own;
  return communicator_->all_gather(Tensor::of({std::ssize(own)}, std::span(own))).to_vector();
}

std::vector<std::vector<double>> Shards::gather(const std::vector<double>& own) const {
  if (ranks_ == 1) return {own};
  std::vector<double> message{static_cast<double>(own.size())};  // which gives the begin of the next rank's
  message.insert(message.end(), own.begin(), own.end());
  const std::vector<double> all = concatenated(message);
  std::vector<std::vector<double>> parts;
  for (auto next = all.begin(); next != all.end();) {
    const auto size = static_cast<std::ptrdiff_t>(*next++);
    parts.emplace_back(next, next + size);
    next += size;
  }
  return parts;
}

std::vector<std::string> Shards::gather(const std::string& own) const {
  if (ranks_ == 1) return {own};
  return communicator_->all_gather(std::string_view(own));
}

Tensor Shards::gather_rows(Tensor own, DType dtype) const {
  if (ranks_ == 1) return own;
  std::vector<double> shape;
  if (own.defined()) shape.assign(own.shape().begin(), own.shape().end());
  for (const std::vector<double>& of_rank : gather(shape)) {
    if (own.defined() || of_rank.empty()) continue;
    const std::vector<std::int64_t> extents(of_rank.begin(), of_rank.end());
    own = Tensor::empty(Shape(std::span(extents)).replaced(0, 0), dtype);
  }
  return communicator_->all_gather(own);
}

void Shards::add_up(std::span<double> numbers) const {
  if (ranks_ == 1) return;
  const Tensor sum = communicator_->all_reduce(Tensor::of({std::ssize(numbers)}, std::span<const double>(numbers)));
  std::copy_n(sum.data<double>(), numbers.size(), numbers.begin());
}

void Shards::check_same(std::string_view function, const std::map<std::string, std::string>& own) const {
  if (ranks_ == 1) return;
  std::string text = fmt::format("function{}{}{}", '\0', function, '\0');
  for (const auto& [name, value] : own) text += fmt::format("{}{}{}{}", name, '\0', value, '\0');
  const std::vector<std::string> all = gather(text);
  if (std::ranges::adjacent_find(all, std::ranges::not_equal_to()) == all.end()) return;
  std::vector<std::map<std::string, std::string>> entries;
  std::set<std::string> names;
  for (const std::string& of_rank : all) {
    for (const auto& [name, value] : entries.emplace_back(entries_of(of_rank))) names.insert(name);
  }
  const auto value_of = [&](std::size_t r, const std::string& name) {
    const auto found = entries[r].find(name);
    return found == entries[r].end() ? "nothing" : found->second;
  };
  std::vector<std::string> unlike;
  for (std::size_t r = 1; r < all.size(); ++r) {
    for (const std::string& name : names) {
      const std::string first = value_of(0, name), given = value_of(r, name);
      if (given != first) unlike.push_back(fmt::format("{} {} on rank 0 and {} on rank {}", name, first, given, r));
    }
  }
  throw AgreedError(fmt::format("{}: expected the same model, data and options on all ranks, got {}", function,
                                fmt::join(unlike, "; ")));
}

void guarded(const Distributed& distributed, const std::function<void()>& f) {
  if (!distributed.communicator || distributed.communicator->size() == 1) return f();
  try {
    f();
  } catch (const AgreedError&) {
    throw;
  } catch (const std::exception& error) {
    distributed.communicator->abort(error.what());
    throw;
  } catch (...) {
    distributed.communicator->abort("an exception");
    throw;
  }
}

void check_agreed(const Distributed& distributed, const std::function<void()>& checks) {
  if (!distributed.communicator || distributed.communicator->size() == 1) return checks();
  std::string message;
  try {
    checks();
  } catch (const Error& error) {
    message = error.what();
  }
  const std::vector<std::string> all = distributed.communicator->all_gather(message);
  const auto failed = std::ranges::find_if_not(all, &std::string::empty);
  if (failed == all.end()) return;
  const bool same = std::ranges::count(all, *failed) == std::ssize(all);
  throw AgreedError(same ? *failed : fmt::format("rank {}: {}", failed - all.begin(), *failed));
}

}  // namespace xtape
