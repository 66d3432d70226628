#include "tests/models/keras_file.hpp"

namespace xtape::test {

std::string script() { return python_with("h5py") + " " + source_root().string() + "/tests/models/keras_files.py "; }

}  // namespace xtape::test
