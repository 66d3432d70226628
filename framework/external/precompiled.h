// External headers that many source files of the library include, compiled once for each of its modules. Each file still
// includes the headers that it uses, so that it compiles without precompiled headers (-Db_pch=false) too, but more slowly.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
