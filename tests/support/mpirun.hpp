// Programs that tests run on several ranks by mpirun.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "framework/helper_folders.hpp"
#include "tests/support/background_program.hpp"
#include "tests/support/sanitizers.hpp"

namespace xtape::test {

/// The path of mpirun, or what the environment variable XTAPE_MPIRUN names. Skips the test where it or xtape-mpi is
/// missing.
inline std::filesystem::path mpirun() {
  if (thread_sanitizer()) skip("MPI is not instrumented for the thread sanitizer");
  bool module = false;
  for (const auto& folder : helper_folders()) module = module || std::filesystem::exists(folder / "xtape-mpi.so");
  if (!module) skip("xtape was built without MPI");
  if (const char* named = std::getenv("XTAPE_MPIRUN")) return named;
  std::stringstream folders(std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path program = std::filesystem::path(folder) / "mpirun";
    if (std::filesystem::exists(program)) return program;
  }
  skip("mpirun is not installed");
}

/// The command that runs a program beside this one on so many ranks. Under the address sanitizer MPI's leaks are
/// ignored. Open MPI 4.1.4 sometimes does not end after ranks that were killed (PMIx waits for a mutex that it has
/// destroyed), so mpirun is killed after 10 minutes.
inline std::vector<std::string> on_ranks(int size, const std::string& program,
                                         const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"/usr/bin/timeout",
                                 "--foreground",
                                 "--signal=KILL",
                                 "600",
                                 "/usr/bin/env",
                                 "ASAN_OPTIONS=detect_leaks=0",
                                 mpirun()};
  BackgroundProgram version({mpirun(), "--version"});
  version.wait();
  if (version.text().find("Open MPI") != std::string::npos || version.text().find("OpenRTE") != std::string::npos) {
    words.insert(words.end(), {"--allow-run-as-root", "--oversubscribe"});
  }
  words.insert(words.end(),
               {"-n", std::to_string(size), std::filesystem::canonical("/proc/self/exe").parent_path() / program});
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

/// The processes of the ranks, from "rank 1 of 3 is process 4711 now".
inline std::map<int, pid_t> processes(const std::string& text) {
  static const std::regex line("rank ([0-9]+) of [0-9]+ is process ([0-9]+) now");
  std::map<int, pid_t> found;
  for (std::sregex_iterator match(text.begin(), text.end(), line), end; match != end; ++match) {
    found[std::stoi((*match)[1])] = std::stoi((*match)[2]);
  }
  return found;
}

/// Waits until a process has ended: mpirun may be faster than those whom it has killed.
inline void wait_for_end(pid_t process) {
  const auto lives = [process] {
    std::ifstream file(fmt::format("/proc/{}/stat", process));
    std::string number, name, state;
    return static_cast<bool>(file >> number >> name >> state) && state != "Z" && state != "X";
  };
  while (lives()) usleep(1000);
}

}  // namespace xtape::test
