// Communicators of threads.
#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

#include "framework/communication/communicator.hpp"
#include "framework/communication/progress.hpp"
#include "framework/communication/thread_transport.hpp"

namespace xtape {

std::vector<std::shared_ptr<Communicator>> thread_communicators(int size, const CommunicatorOptions& options) {
  check(size >= 1 && size <= 1024, "thread_communicators: expected 1 to 1024 ranks, got {}", size);
  check(options.timeout.count() > 0, "thread_communicators: expected a timeout above 0, got {} ms",
        options.timeout.count());
  std::vector<std::shared_ptr<Communicator>> communicators;
  for (auto& transport : thread_transports(size)) {
    const auto held = std::make_shared<std::unique_ptr<Transport>>(std::move(transport));
    communicators.push_back(std::make_shared<Communicator>(
        std::make_unique<ProgressThread>([held] { return std::move(*held); }, options.timeout)));
  }
  return communicators;
}

void run_rank(const std::shared_ptr<Communicator>& communicator,
              const std::function<void(const std::shared_ptr<Communicator>&)>& body) {
  try {
    body(communicator);
  } catch (const std::exception& error) {
    communicator->abort(error.what());
    throw;
  } catch (...) {
    communicator->abort("an exception that is no std::exception");
    throw;
  }
}

void run_on_threads(int size, const std::function<void(const std::shared_ptr<Communicator>&)>& body,
                    const CommunicatorOptions& options) {
  std::vector<std::shared_ptr<Communicator>> communicators = thread_communicators(size, options);
  std::mutex mutex;
  std::string first_failure;
  {
    std::vector<std::jthread> threads;
    for (auto& communicator : communicators) {
      threads.emplace_back([&, own = std::move(communicator)]() mutable {
        try {
          run_rank(own, body);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (first_failure.empty()) first_failure = own->failure();
        }
        own.reset();
      });
    }
  }
  if (!first_failure.empty()) throw Error(first_failure);
}

}  // namespace xtape
