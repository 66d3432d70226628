// What nearly every test includes and nobody here edits, compiled once for all tests. A test includes what it uses all
// the same: without precompiled headers (-Db_pch=false) it compiles too, only more slowly.
#include <fmt/format.h>

#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/catch.hpp"
