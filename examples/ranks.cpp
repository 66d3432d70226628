#include "examples/ranks.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <utility>
#include <vector>

#include "models/graph/terminal.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;

/// The number in an environment variable, 0 if there is none.
int number_in_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : 0;
}

/// Whether a process of this machine runs: it exists, and has not ended without being waited for.
bool runs(int process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));  // number (name) state ..., where the name may have spaces
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t state = text.rfind(") ");
  return state != std::string::npos && state + 2 < text.size() && text[state + 2] != 'Z' && text[state + 2] != 'X';
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

// From start_ranks to its ranks: the width of the terminal, and its process.
constexpr const char *columns_variable = "XTAPE_TERMINAL_COLUMNS", *starter_variable = "XTAPE_STARTED_BY";

std::atomic<bool> asked = false;  // a signal handler has nothing but what is static

/// A signal that is repeated asks for nothing more.
extern "C" void ask_to_end(int signal) {
  if (!asked.exchange(true)) raise(signal == SIGUSR2 ? SIGINT : SIGTERM);
}

/// Starts mpirun in a process group of its own: in that of this process, Ctrl-C would reach it, and it would kill the
/// ranks within a second. It gets SIGUSR1 when this process is killed, so that the ranks do not go on alone.
pid_t start_mpirun(std::vector<std::string> words, const sigset_t& mask) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  int ends[2];  // a program that is started closes them
  check(pipe2(ends, O_CLOEXEC) == 0, "--ranks: expected to start mpirun, got: {}", std::strerror(errno));
  const pid_t parent = getpid(), process = fork();
  if (process != 0) {
    int error = process < 0 ? errno : 0;
    close(ends[1]);
    while (process > 0 && read(ends[0], &error, sizeof error) < 0 && errno == EINTR) {
    }
    close(ends[0]);
    check(error == 0, "--ranks: expected to start mpirun, got: {}", std::strerror(error));
    return process;
  }
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  if (nothing > STDIN_FILENO) close(nothing);
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  if (getppid() != parent) _exit(1);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvp(pointers[0], pointers.data());
  const int error = errno;
  _exit(write(ends[1], &error, sizeof error) > 0 ? 127 : 126);
}

/// Whether ranks run that Open MPI's mpirun has started on this machine: they are its children.
bool has_ranks(pid_t mpirun) {
  std::error_code error;  // of a process that ends meanwhile
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const auto& thread : fs::directory_iterator(fmt::format("/proc/{}/task", mpirun), error)) {
    std::ifstream children(thread.path() / "children");
    for (int child; children >> child;) {
      if (fs::read_symlink(fmt::format("/proc/{}/exe", child), error) == program) return true;
    }
  }
  return false;
}

/// Whether standard output and standard error take text: they do not while a pager shows its first page.
bool output_is_free() {
  std::array<pollfd, 2> outputs{{{STDOUT_FILENO, POLLOUT, 0}, {STDERR_FILENO, POLLOUT, 0}}};
  return poll(outputs.data(), outputs.size(), 0) == static_cast<int>(outputs.size());
}

/// How mpirun has ended: its status, and the signals that were passed on to it.
struct Ending {
  int status = 0, signals = 0;
  int first = 0;      ///< the first signal; 0 if there was none
  bool hung = false;  ///< it was killed, because it did not end after the ranks
};

/// Waits for mpirun and passes signals on to it: the first one as SIGUSR1, or Ctrl-C as SIGUSR2 if it is Open MPI's,
/// which passes on both. It is repeated, because mpirun loses what comes before it has started the ranks. The second
/// one becomes SIGTERM, at which mpirun kills the ranks. The third one kills mpirun, in case that it hangs. That of
/// Open MPI 4.1 sometimes does after ranks were killed (its threads wait for each other in PMIx_server_finalize): it is
/// killed if it runs for 20 seconds longer than the ranks and has no reason to wait.
Ending wait_for(pid_t process, const sigset_t& signals, bool open_mpi) {
  using clock = std::chrono::steady_clock;
  Ending ending;
  std::optional<clock::time_point> last_seen;  // when ranks ran
  while (waitpid(process, &ending.status, WNOHANG) == 0) {
    if (has_ranks(process) || (last_seen && !output_is_free())) last_seen = clock::now();
    ending.hung = last_seen && clock::now() - *last_seen > std::chrono::seconds(20);
    if (ending.hung) kill(process, SIGKILL);
    const timespec pause{.tv_sec = 0, .tv_nsec = 200'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal > 0 && signal != SIGCHLD) {
      if (++ending.signals == 1) ending.first = signal;
      if (ending.signals > 1) kill(process, ending.signals == 2 ? SIGTERM : SIGKILL);
    }
    if (ending.signals == 1) kill(process, ending.first == SIGINT && open_mpi ? SIGUSR2 : SIGUSR1);
  }
  return ending;
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
  const bool open_mpi = version.find("Open MPI") != std::string::npos;
  if (open_mpi) {
    // More ranks than processors are allowed, threads are not bound to one processor, and no help for programmers.
    words.insert(words.end(), {"--oversubscribe", "--bind-to", "none", "--quiet"});
    if (geteuid() == 0) words.emplace_back("--allow-run-as-root");
  }
  words.push_back(fs::read_symlink("/proc/self/exe").string());
  for (char** argument = argv + 1; *argument; ++argument) words.emplace_back(*argument);

  setenv(columns_variable, std::to_string(terminal_columns()).c_str(), 1);
  setenv(starter_variable, std::to_string(getpid()).c_str(), 1);
  sigset_t signals, mask;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&signals, signal);  // nohup ignores SIGHUP
  }
  sigprocmask(SIG_BLOCK, &signals, &mask);
  const Ending ending = wait_for(start_mpirun(words, mask), signals, open_mpi);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (ending.hung && ending.signals == 0) {
    std::cerr << "--ranks: mpirun did not end after the ranks and was killed; whether they had finished is not known\n";
    return 2;
  }
  const bool killed = WIFSIGNALED(ending.status);
  const int code = killed ? 128 + WTERMSIG(ending.status) : WEXITSTATUS(ending.status);
  // Open MPI's own report is for those who write programs with MPI.
  const bool ranks_report = code == 128 + SIGINT || code == 128 + SIGTERM;
  const bool had_not_begun = ending.signals > 0 && (code == 128 + SIGUSR1 || code == 128 + SIGUSR2);
  if (code > 128 && ending.signals < 2 && !ranks_report && !had_not_begun) {
    std::cerr << fmt::format("--ranks: {} was ended by signal {} ({}){}\n", killed ? "mpirun" : "a rank", code - 128,
                             strsignal(code - 128),
                             code == 128 + SIGKILL ? ", as when the memory of the machine is used up" : "");
  }
  // After a signal only an error of a rank matters more. Otherwise the status of mpirun says how the ranks were ended,
  // and that of MPICH has been seen to be 0.
  if (ending.first != 0) return code == 2 ? 2 : 128 + (ending.first == SIGINT ? SIGINT : SIGTERM);
  return code;
}

int run_on_ranks(const std::function<int(const std::shared_ptr<Communicator>&)>& body,
                 const CommunicatorOptions& options) {
  const int launched = launched_ranks();
  if (launched == 0) return body(nullptr);
  struct sigaction action {};
  action.sa_handler = ask_to_end;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGUSR1, SIGUSR2}) sigaction(signal, &action, nullptr);
  const std::shared_ptr<Communicator> ranks = mpi_communicator(options);
  // mpirun has lost the signal if its starter was killed before it had all ranks; now it passes signals on
  if (const int starter = number_in_environment(starter_variable); starter > 0 && !runs(starter)) raise(SIGTERM);
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
