#include "framework/io/temporary_file.hpp"

#include <cstdlib>
#include <fstream>
#include <optional>

#include "tests/support/support.hpp"

using namespace xtape;
namespace fs = std::filesystem;

TEST_CASE("temporary files and folders are removed with their content at the end of the scope") {
  fs::path path;
  {
    const TemporaryFile file("test");
    path = file.path();
    std::ofstream(path) << "content";
    CHECK((fs::status(path).permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK_FALSE(TemporaryFile("test").path() == path);
  }
  CHECK_FALSE(fs::exists(path));
  {
    const xtape::TemporaryFolder folder("test");
    path = folder / "a file";
    std::ofstream(path) << "content";
    fs::create_directories(folder / "a folder/another");
    CHECK((fs::status(path.parent_path()).permissions() & fs::perms::all) == fs::perms::owner_all);
  }
  CHECK_FALSE(fs::exists(path.parent_path()));
}

TEST_CASE("an Error names the folder in which no temporary file can be made") {
  const char* before = std::getenv("TMPDIR");
  const std::optional<std::string> kept = before ? std::optional<std::string>(before) : std::nullopt;
  const test::TemporaryFolder root;
  std::ofstream(root / "file") << "no folder";
  for (const fs::path& folder : {root / "file", root / "missing"}) {
    setenv("TMPDIR", folder.c_str(), 1);
    const std::string reason = folder == root / "file" ? "Not a directory" : "No such file or directory";
    const std::string end = " in " + folder.string() + ", got: " + reason + "; TMPDIR names another folder";
    CHECK(test::error_of([] { const TemporaryFile file("test"); }) == "test: expected to make a temporary file" + end);
    CHECK(test::error_of([] { const xtape::TemporaryFolder made("test"); }) ==
          "test: expected to make a temporary folder" + end);
  }
  setenv("TMPDIR", "", 1);  // counts as none
  CHECK(TemporaryFile("test").path().parent_path() == "/tmp");
  kept ? setenv("TMPDIR", kept->c_str(), 1) : unsetenv("TMPDIR");
}
