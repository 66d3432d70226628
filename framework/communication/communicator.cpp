#include "framework/communication/communicator.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <numeric>
#include <span>

#include "framework/communication/progress.hpp"
#include "framework/communication/schedules.hpp"

namespace xtape {
namespace {

/// FNV-1a, to compare texts without sending them.
std::int64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return static_cast<std::int64_t>(hash);
}

/// "rank 3" or "ranks 0, 1, 3".
std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "));
}

/// Up to 100 bytes of the text from the line with the first difference on.
std::string excerpt(const std::string& text, std::size_t difference) {
  const std::size_t line = difference == 0 ? std::string::npos : text.rfind('\n', difference - 1);
  const std::size_t begin = std::max(line == std::string::npos ? 0 : line + 1, difference < 40 ? 0 : difference - 40);
  const std::string part = text.substr(begin, std::min<std::size_t>(100, text.find('\n', difference) - begin));
  return fmt::format("{}'{}'{}", begin > 0 ? "..." : "", part, begin + part.size() < text.size() ? "..." : "");
}

void check_defined(std::string_view function, const Tensor& x) {
  check(x.defined(), "{}: expected a tensor, got an undefined one", function);
}

}  // namespace

bool PendingTensor::ready() const { return operation_ ? operation_->ended() : result_.defined(); }

Tensor PendingTensor::wait() {
  if (operation_) return std::exchange(operation_, nullptr)->wait();
  check(result_.defined(), "PendingTensor: expected an operation to wait for, got none; its result is returned once");
  return std::exchange(result_, Tensor());
}

Communicator::Communicator(std::unique_ptr<ProgressThread> progress)
    : progress_(std::move(progress)),
      rank_(progress_->rank()),
      size_(progress_->size()),
      exceptions_(std::uncaught_exceptions()) {}

Communicator::~Communicator() {
  if (std::uncaught_exceptions() > exceptions_) progress_->abort("ended by an exception");
}

PendingTensor Communicator::start(MessageSchedule schedule) {
  return PendingTensor(progress_->start(std::move(schedule)));
}

PendingTensor Communicator::start_all_reduce(Tensor x, Wire wire) {
  check_defined("all_reduce", x);
  check(x.dtype() != DType::uint8, "all_reduce: expected float32, float64 or int64, got uint8; convert with .to(...)");
  check(wire == Wire::full || x.dtype() == DType::float32, "all_reduce: expected float32 to be sent as {}, got {}",
        to_string(wire), x.dtype());
  if (size_ == 1) return PendingTensor(wire == Wire::full ? std::move(x) : rounded(rounded(x, wire), wire));
  return start(all_reduce_schedule({rank_, size_}, std::move(x), wire));
}

PendingTensor Communicator::start_reduce_scatter(Tensor x) {
  check_defined("reduce_scatter", x);
  check(x.dtype() != DType::uint8,
        "reduce_scatter: expected float32, float64 or int64, got uint8; convert with .to(...)");
  if (size_ == 1) return PendingTensor(x.reshaped({x.size()}));
  return start(reduce_scatter_schedule({rank_, size_}, std::move(x)));
}

std::int64_t Communicator::segment_begin(std::int64_t count, int rank) const {
  check(count >= 0 && rank >= 0 && rank <= size_,
        "segment_begin: expected a count >= 0 and a rank in [0, {}], got {}, {}", size_, count, rank);
  return xtape::segment_begin(count, rank, size_);
}

std::vector<std::int64_t> Communicator::gather_counts(std::int64_t count, std::string description) {
  const std::vector<std::int64_t> ones(static_cast<std::size_t>(size_), 1);
  return start(all_gather_schedule({rank_, size_}, Tensor::labels({count}), ones, std::move(description)))
      .wait()
      .to_vector<std::int64_t>();
}

Tensor Communicator::all_gather(const Tensor& x) {
  check_defined("all_gather", x);
  check(x.rank() > 0, "all_gather: expected at least one axis, got a scalar; give it one with .reshaped({{1}})");
  if (size_ == 1) return x;
  const std::string what = fmt::format("all_gather of {} rows {}", x.dtype(), x.shape().without(0));
  const std::vector<std::int64_t> rows = gather_counts(x.dim(0), what);
  return start(all_gather_schedule({rank_, size_}, x, rows, what)).wait();
}

std::vector<std::string> Communicator::all_gather(std::string_view text) {
  if (size_ == 1) return {std::string(text)};
  const std::vector<std::int64_t> sizes = gather_counts(std::ssize(text), "all_gather of text");
  std::vector<std::string> texts(sizes.size());
  if (std::ranges::max(sizes) == 0) return texts;
  Tensor bytes = Tensor::empty({std::ssize(text)}, DType::uint8);
  if (!text.empty()) std::memcpy(bytes.mutable_data<std::uint8_t>(), text.data(), text.size());
  const Tensor all = start(all_gather_schedule({rank_, size_}, bytes, sizes, "all_gather of text")).wait();
  const char* next = reinterpret_cast<const char*>(all.data<std::uint8_t>());
  for (std::size_t r = 0; r < texts.size(); ++r) {
    texts[r].assign(next, static_cast<std::size_t>(sizes[r]));
    next += sizes[r];
  }
  return texts;
}

Tensor Communicator::broadcast(Tensor x, int root) {
  check_defined("broadcast", x);
  check(root >= 0 && root < size_, "broadcast: expected a rank in [0, {}), got {}", size_, root);
  if (size_ == 1) return x;
  return start(broadcast_schedule({rank_, size_}, std::move(x), root)).wait();
}

void Communicator::barrier() {
  if (size_ == 1) return;
  const std::vector<std::int64_t> none(static_cast<std::size_t>(size_), 0);
  start(all_gather_schedule({rank_, size_}, Tensor::zeros({0}), none, "barrier")).wait();
}

void Communicator::check_same(std::string_view what, std::string_view text) {
  const std::vector<std::int64_t> hashes = all_gather(Tensor::labels({hash_of(text)})).to_vector<std::int64_t>();
  if (std::ranges::count(hashes, hashes.front()) == size_) return;
  const std::vector<std::string> texts = all_gather(text);
  std::map<std::string, std::vector<int>> ranks;
  for (int r = 0; r < size_; ++r) ranks[texts[static_cast<std::size_t>(r)]].push_back(r);
  const auto shares = [&](std::size_t length) {  // whether all texts have the first `length` bytes in common
    return std::ranges::all_of(texts, [&](const std::string& t) {
      return t.size() >= length && t.compare(0, length, texts[0], 0, length) == 0;
    });
  };
  std::size_t difference = 0;
  while (shares(difference + 1)) ++difference;
  std::string list;
  for (const auto& [value, owners] : ranks) {
    if (list.size() > 1000) break;
    list += fmt::format("{}{} on {}", list.empty() ? "" : ", ", excerpt(value, difference), ranks_text(owners));
  }
  fail("check_same: expected the same {} on all ranks, got {}", what, list);
}

void Communicator::abort(const std::string& reason) { progress_->abort(reason); }

std::string Communicator::failure() const { return progress_->failure(); }

bool Communicator::found_failure() const { return progress_->found_failure(); }

}  // namespace xtape
