#include "examples/ranks.hpp"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <sys/wait.h>

#include "models/graph/terminal.hpp"

namespace xtape {
namespace {

/// The number in an environment variable, 0 if there is none.
int number_in_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : 0;
}

/// What a program prints; empty if it can't be started.
std::string output_of(const char* command) {
  std::string text;
  FILE* pipe = popen(command, "r");
  if (!pipe) return text;
  std::array<char, 256> part;
  while (std::fgets(part.data(), part.size(), pipe)) text += part.data();
  pclose(pipe);
  return text;
}

constexpr const char* columns_variable = "XTAPE_TERMINAL_COLUMNS";  // from start_ranks to its ranks

// A signal handler has nothing but what is static.
std::atomic<pid_t> mpirun = 0;
std::atomic<int> signals = 0;

extern "C" void pass_on(int) {
  if (mpirun > 0) kill(mpirun, signals++ == 0 ? SIGUSR1 : SIGTERM);
}
extern "C" void ask_to_end(int) { raise(SIGTERM); }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

/// The number of threads for this rank: processes of one machine that may run on the same processors share them.
void share_processors(Communicator& ranks) {
  if (std::getenv("XTAPE_NUM_THREADS")) return;
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::string place = host.data();
  cpu_set_t processors;
  CPU_ZERO(&processors);
  sched_getaffinity(0, sizeof processors, &processors);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &processors)) place += fmt::format(" {}", i);
  }
  const auto sharing = static_cast<int>(std::ranges::count(ranks.all_gather(place), place));
  set_num_threads(std::max(1, num_threads() / sharing));
}

}  // namespace

int launched_ranks() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const int ranks = number_in_environment(name); ranks > 0) return ranks;
  }
  // Set in tasks of srun; other variables of Slurm also in the script of sbatch. A single task, such as the shell of
  // `srun --pty bash`, needs no MPI.
  const int tasks = number_in_environment("SLURM_STEP_NUM_TASKS");
  return tasks > 1 ? tasks : 0;
}

int start_ranks(int ranks, char** argv) {
  const std::string version = output_of("mpirun --version 2>/dev/null");
  check(!version.empty(),
        "--ranks: expected mpirun, got none; install Open MPI (Debian: openmpi-bin) or MPICH (Debian: mpich)");
  std::vector<std::string> words{"mpirun", "-n", std::to_string(ranks)};
  if (version.find("Open MPI") != std::string::npos) {
    // More ranks than processors are allowed, threads are not bound to one processor, and no help for programmers.
    words.insert(words.end(), {"--oversubscribe", "--bind-to", "none", "--quiet"});
    if (geteuid() == 0) words.emplace_back("--allow-run-as-root");
  }
  words.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
  for (char** argument = argv + 1; *argument; ++argument) words.emplace_back(*argument);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  setenv(columns_variable, std::to_string(terminal_columns()).c_str(), 1);
  // Signals wait until the process that they are passed on to is known.
  sigset_t passed_on, mask;
  sigemptyset(&passed_on);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&passed_on, signal);
  sigprocmask(SIG_BLOCK, &passed_on, &mask);
  handle(SIGINT, pass_on);
  handle(SIGTERM, pass_on);
  struct sigaction hangup {};
  sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) handle(SIGHUP, pass_on);  // nohup ignores it
  // In a separate process group, Ctrl-C does not reach mpirun, which would kill the ranks within a second.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  pid_t process = 0;
  const int error = posix_spawnp(&process, "mpirun", &actions, &attributes, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  mpirun = process;
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  check(error == 0, "--ranks: expected to start mpirun, got: {}", std::strerror(error));
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  // MPICH's mpirun has been seen to end with 0 when ranks that it passed a signal on to did not.
  return WEXITSTATUS(status) == 0 && signals > 0 ? 128 + SIGTERM : WEXITSTATUS(status);
}

int run_on_ranks(const std::function<int(const std::shared_ptr<Communicator>&)>& body,
                 const CommunicatorOptions& options) {
  const int launched = launched_ranks();
  if (launched == 0) return body(nullptr);
  handle(SIGUSR1, ask_to_end);
  const std::shared_ptr<Communicator> ranks = mpi_communicator(options);
  check(ranks->size() == launched,
        "expected {} processes, as the environment says, got {} from MPI; start them with the mpirun of the MPI that "
        "xtape was built with, or with srun --mpi of a kind that it supports",
        launched, ranks->size());
  if (ranks->rank() > 0 && !std::freopen("/dev/null", "w", stdout)) return 2;
  int status = 2;
  try {
    run_rank(ranks, [&](const auto&) {
      share_processors(*ranks);
      status = body(ranks);
    });
    return status;
  } catch (const std::exception&) {  // run_rank has ended the run with its message
  }
  // The first rank prints what all have got, and the rank that has found it, because the first one may hang.
  if (ranks->rank() == 0 || ranks->found_failure()) std::cerr << fmt::format("{}\n", ranks->failure());
  return 2;
}

ProgressOutput progress_output(const std::shared_ptr<Communicator>& ranks) {
  if (!ranks) return {};
  return {.columns = [] { return number_in_environment(columns_variable); }};
}

std::string first_of(const std::shared_ptr<Communicator>& ranks, const std::string& text) {
  return ranks ? ranks->all_gather(ranks->rank() == 0 ? text : "").front() : text;
}

}  // namespace xtape
