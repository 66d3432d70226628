#include "framework/kernels/threads/cpu_quota.hpp"

#include <fstream>
#include <limits>
#include <memory>

#include "tests/support/support.hpp"

using xtape::kernels::cpu_quota;

namespace {

/// Files of the system in a temporary folder.
class FakeSystem {
 public:
  FakeSystem& file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((*folder_ / path).parent_path());
    std::ofstream(*folder_ / path) << text;
    return *this;
  }
  std::optional<int> quota() const { return cpu_quota(folder_->path()); }

 private:
  std::shared_ptr<xtape::test::TemporaryFolder> folder_ = std::make_shared<xtape::test::TemporaryFolder>();
};

/// One process in the group, with version 2 of control groups mounted.
FakeSystem version2(const std::string& group) {
  FakeSystem system;
  system.file("proc/self/cgroup", "0::" + group + "\n");
  system.file("proc/self/mountinfo",
              "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
              "25 22 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
  return system;
}

}  // namespace

TEST_CASE("there is no limit without control groups or without a quota") {
  CHECK_FALSE(FakeSystem().quota());
  CHECK_FALSE(FakeSystem().file("proc/self/cgroup", "0::/a\n").quota());
  CHECK_FALSE(version2("/a").quota());
  CHECK_FALSE(version2("/a").file("sys/fs/cgroup/a/cpu.max", "max 100000\n").quota());
}

TEST_CASE("a quota of version 2 is rounded up to whole processors") {
  const std::vector<std::pair<std::string, int>> cases{{"50000 100000", 1},  {"100000 100000", 1}, {"100001 100000", 2},
                                                       {"150000 100000", 2}, {"30000 10000", 3},   {"1000 100000", 1}};
  for (const auto& [text, processors] : cases) {
    CAPTURE(text);
    CHECK(version2("/a").file("sys/fs/cgroup/a/cpu.max", text + "\n").quota() == processors);
  }
  for (const std::string broken : {"", "x 100000", "100000", "100000 0", "-5 100000", "99999999999999999999 1"}) {
    CAPTURE(broken);
    CHECK_FALSE(version2("/a").file("sys/fs/cgroup/a/cpu.max", broken).quota());
  }
}

TEST_CASE("the smallest quota on the path to the root applies") {
  FakeSystem system = version2("/kube/pod 1/container");
  system.file("sys/fs/cgroup/kube/pod 1/container/cpu.max", "max 100000\n");
  system.file("sys/fs/cgroup/kube/pod 1/cpu.max", "250000 100000\n");
  CHECK(system.quota() == 3);
  system.file("sys/fs/cgroup/kube/cpu.max", "600000 100000\n");
  CHECK(system.quota() == 3);
  system.file("sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK(system.quota() == 2);
  system.file("sys/fs/cgroup/other/cpu.max", "100000 100000\n");
  CHECK(system.quota() == 2);
}

TEST_CASE("a quota of version 1 is read from the hierarchy of the CPU controller only") {
  FakeSystem system;
  system.file("proc/self/cgroup", "9:memory:/b\n4:cpuset:/c\n3:cpu,cpuacct:/a\n1:name=systemd:/d\n0::/e\n");
  system.file("proc/self/mountinfo",
              "30 25 0:26 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset\n"
              "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  system.file("sys/fs/cgroup/cpuset/c/cpu.cfs_quota_us", "100000\n");
  system.file("sys/fs/cgroup/cpuset/c/cpu.cfs_period_us", "100000\n");
  system.file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
  system.file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(system.quota());
  system.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "350000\n");
  system.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(system.quota() == 4);
  system.file("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
  CHECK(system.quota() == 2);
}

TEST_CASE("a container finds its group by the name on the host or by its own name") {
  FakeSystem host_name;
  host_name.file("proc/self/cgroup", "4:cpu:/docker/1234/inner\n");
  host_name.file("proc/self/mountinfo",
                 "31 25 0:27 /docker/1234 /sys/fs/cgroup/cpu\\040x\\041 ro - cgroup cgroup rw,cpu\n");
  host_name.file("sys/fs/cgroup/cpu x!/cpu.cfs_quota_us", "200000\n");
  host_name.file("sys/fs/cgroup/cpu x!/cpu.cfs_period_us", "100000\n");
  CHECK(host_name.quota() == 2);
  host_name.file("sys/fs/cgroup/cpu x!/inner/cpu.cfs_quota_us", "100000\n");
  host_name.file("sys/fs/cgroup/cpu x!/inner/cpu.cfs_period_us", "100000\n");
  CHECK(host_name.quota() == 1);

  CHECK(version2("/").file("sys/fs/cgroup/cpu.max", "400000 100000\n").quota() == 4);
  CHECK(version2("/../outside")
            .file("sys/fs/cgroup/cpu.max", "400000 100000\n")
            .file("sys/fs/outside/cpu.max", "100000 100000\n")
            .quota() == 4);
  CHECK(version2("/is/gone").file("sys/fs/cgroup/cpu.max", "400000 100000\n").quota() == 4);
}

TEST_CASE("a group whose name begins with that of the mounted group is not below it") {
  FakeSystem system;
  system.file("proc/self/cgroup", "0::/docker/12345/inner\n");
  system.file("proc/self/mountinfo", "31 25 0:27 /docker/1234 /cg ro - cgroup2 cgroup2 rw\n");
  system.file("cg/cpu.max", "300000 100000\n");
  CHECK(system.quota() == 3);
  for (const std::string path : {"cg/5/cpu.max", "cg/5/inner/cpu.max", "cg/inner/cpu.max"}) {
    system.file(path, "100000 100000\n");
  }
  CHECK(system.quota() == 3);
}

TEST_CASE("the smallest quota of several hierarchies applies, in any order, and lines of other forms are skipped") {
  const std::string first = "31 25 0:27 / /one rw - cgroup cgroup rw,cpuacct,cpu\n",
                    second = "32 25 0:28 / /two rw shared:9 master:1 - cgroup2 cgroup2 rw\n";
  for (const bool one_is_less : {false, true}) {
    for (const std::string& lines :
         {first + second, second + first,
          "\n31 -\n1 2 3 4 5 6 7 - cgroup2\n1 2 3 4 5 6 - cgroup cgroup\n" + first + second}) {
      CAPTURE(one_is_less, lines);
      FakeSystem system;
      system.file("proc/self/cgroup", "\nabc\n1:\n7:cpuset,cpu:/a\n0::/b\n");
      system.file("proc/self/mountinfo", lines);
      system.file("one/a/cpu.cfs_quota_us", one_is_less ? "200000\n" : "700000\n");
      system.file("one/a/cpu.cfs_period_us", "100000\n");
      system.file("two/b/cpu.max", "500000 100000\n");
      system.file("5/cpu.max", "100000 100000\n");  // of a line without a source
      CHECK(system.quota() == (one_is_less ? 2 : 5));
    }
  }
}

TEST_CASE("a quota above the largest int is that number, and paths keep what is no octal escape") {
  CHECK(version2("/a").file("sys/fs/cgroup/a/cpu.max", "99999999999 1\n").quota() == std::numeric_limits<int>::max());
  for (const auto& [written, folder] : {std::pair<std::string, std::string>{"/c\\0409", "/c 9"},
                                        {"/c\\09", "/c\\09"},
                                        {"/c\\089", "/c\\089"},
                                        {"/c\\04", "/c\\04"},
                                        {"/c\\", "/c\\"},
                                        {"/\\134", "/\\"}}) {
    CAPTURE(written, folder);
    FakeSystem system;
    system.file("proc/self/cgroup", "0::/\n");
    system.file("proc/self/mountinfo", "31 25 0:27 / " + written + " rw - cgroup2 cgroup2 rw\n");
    system.file(folder.substr(1) + "/cpu.max", "300000 100000\n");
    CHECK(system.quota() == 3);
  }
}
