#include "framework/kernels/threads/cpu_quota.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "framework/parse_number.hpp"

namespace xtape::kernels {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(separator, at), text.size());
    parts.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool has_cpu(std::string_view list) {
  const auto names = split(list, ',');
  return std::ranges::find(names, "cpu") != names.end();
}

/// Decodes the octal escapes, such as "\040" for a space, that the kernel writes into paths.
std::string unescaped(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const bool escape = text[i] == '\\' && i + 3 < text.size() &&
                        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4;
    path += escape ? static_cast<char>(code) : text[i];
    if (escape) i += 3;
  }
  return path;
}

/// A mounted hierarchy of control groups: `group` and the groups below it appear in `folder`.
struct Mount {
  bool version2;
  std::string group, folder;
};

/// The mounted hierarchies that may limit processors. A line of mountinfo is
/// "36 35 0:31 /group /folder rw,relatime shared:9 - cgroup2 source rw,options".
std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> found;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const bool version2 = dash[1] == "cgroup2";
    if (version2 || (dash[1] == "cgroup" && has_cpu(dash[3]))) {
      found.push_back({version2, unescaped(fields[3]), unescaped(fields[4])});
    }
  }
  return found;
}

/// The group of this process in the hierarchy. A line of /proc/self/cgroup is "4:cpu,cpuacct:/group", or "0::/group" in
/// version 2.
std::optional<std::string> own_group(const fs::path& root, bool version2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', std::min(first, line.size() - 1) + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (version2 ? names.empty() : has_cpu(names)) return line.substr(second + 1);
  }
  return std::nullopt;
}

/// The quota of one group, in processors rounded up; nullopt if it has none.
std::optional<std::int64_t> quota_of(const fs::path& folder, bool version2) {
  std::string quota, period;
  if (version2) {
    std::ifstream(folder / "cpu.max") >> quota >> period;
  } else {
    std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
    std::ifstream(folder / "cpu.cfs_period_us") >> period;
  }
  const auto share = parse_number<std::int64_t>(quota);  // without a quota, "max" or -1
  const auto whole = parse_number<std::int64_t>(period);
  if (!share || !whole || *share <= 0 || *whole <= 0) return std::nullopt;
  return (*share - 1) / *whole + 1;
}

}  // namespace

std::optional<int> cpu_quota(const fs::path& root) {
  std::int64_t least = std::numeric_limits<int>::max();
  bool limited = false;
  for (const Mount& mount : mounts(root)) {
    const auto group = own_group(root, mount.version2);
    if (!group) continue;
    const std::string above = mount.group == "/" ? "" : mount.group;
    const bool visible = group->starts_with(above + "/") && !group->starts_with("/..");
    fs::path inside = visible ? fs::path(group->substr(above.size())).relative_path() : fs::path();
    for (;; inside = inside.parent_path()) {
      if (const auto quota = quota_of(root / fs::path(mount.folder).relative_path() / inside, mount.version2)) {
        limited = true;
        least = std::min(least, *quota);
      }
      if (inside.empty()) break;
    }
  }
  if (!limited) return std::nullopt;
  return static_cast<int>(least);
}

}  // namespace xtape::kernels
