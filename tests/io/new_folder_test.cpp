#include "framework/io/new_folder.hpp"

#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/support.hpp"

using namespace xtape;
namespace fs = std::filesystem;

TEST_CASE("a new folder gets the first free name, and its parent folders are made") {
  const test::TemporaryFolder folder;
  const fs::path wanted = folder / "runs/a.b";
  CHECK(make_new_folder("test", wanted) == wanted);
  std::ofstream(folder / "runs/a.b-2") << "a file";
  fs::create_directory_symlink(wanted, folder / "runs/a.b-3");
  CHECK(make_new_folder("test", wanted) == folder / "runs/a.b-4");
  CHECK(fs::is_directory(folder / "runs/a.b-4"));
  CHECK(fs::is_empty(wanted));
  std::ofstream(folder / "file") << "text";
  CHECK_THAT(test::error_of([&] { make_new_folder("test", folder / "file/a"); }),
             Catch::Contains("test: expected to make the folder " + (folder / "file").string()));
}

TEST_CASE("several threads that make a folder of one name at the same time get different folders") {
  const test::TemporaryFolder folder;
  constexpr std::size_t threads = 8, each = 50;
  std::vector<std::vector<fs::path>> made(threads);
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      for (std::size_t i = 0; i < each; ++i) made[t].push_back(make_new_folder("test", folder / "run"));
    });
  }
  for (std::thread& worker : workers) worker.join();
  std::set<fs::path> different;
  for (const auto& paths : made) different.insert(paths.begin(), paths.end());
  CHECK(different.size() == threads * each);
}
