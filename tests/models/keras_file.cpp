#include "tests/models/keras_file.hpp"

namespace xtape::test {

std::string script() { return python_with("h5py") + " " XTAPE_SOURCE_ROOT "/tests/models/keras_files.py "; }

}  // namespace xtape::test
