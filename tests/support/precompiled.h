// Headers that nearly every test includes, compiled once for all tests. Each test still includes the headers that it
// uses, so that it compiles without precompiled headers (-Db_pch=false) too, but more slowly.
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
#include "xtape/xtape.hpp"
