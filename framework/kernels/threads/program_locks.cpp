#include "framework/kernels/threads/program_locks.hpp"

#include <pthread.h>

namespace xtape::kernels {
namespace {

void take_all() {
  program_locks.threads.lock();
  program_locks.caches.lock();
  program_locks.memory.lock();
}

void free_all() {
  program_locks.memory.unlock();
  program_locks.caches.unlock();
  program_locks.threads.unlock();
}

[[maybe_unused]] const int registered = pthread_atfork(take_all, free_all, free_all);

}  // namespace

constinit ProgramLocks program_locks;

}  // namespace xtape::kernels
