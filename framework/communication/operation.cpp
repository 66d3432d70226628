#include "framework/communication/operation.hpp"

#include "framework/error.hpp"

namespace xtape {

bool CollectiveOperation::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

Tensor CollectiveOperation::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_; });
  if (!failure_.empty()) throw Error(failure_);
  return std::move(result_);
}

void CollectiveOperation::finish() {
  Tensor result = schedule_.result();
  schedule_.rounds.clear();
  schedule_.result = nullptr;  // releases the buffers
  const std::lock_guard lock(mutex_);
  result_ = std::move(result);
  ended_ = true;
  changed_.notify_all();
}

void CollectiveOperation::fail(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  failure_ = reason;
  ended_ = true;
  changed_.notify_all();
}

}  // namespace xtape
