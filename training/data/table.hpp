// Data sets in tables: CSV files, and NumPy's .npz archives.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "training/data/dataset.hpp"

namespace xtape {

/// Options of load_csv().
struct CsvOptions {
  /// The column of the class of each row. Its different texts are the classes, in the order of `class_names`, or
  /// otherwise of their numbers if all are numbers, or of the alphabet.
  std::string label = "";
  /// Alternatively, the columns of the numbers that are predicted.
  std::vector<std::string> targets = {};
  /// The columns of the features, in this order; empty: all columns that are neither label nor targets.
  std::vector<std::string> features = {};
  /// Names of the classes, so that several tables have the same numbers: `.class_names = train.class_names()`.
  std::vector<std::string> class_names = {};
  char separator = ',';  ///< the character between the fields, such as ';' or a tab
  /// Whether the first row has the names of the columns. Otherwise the names are "0", "1", ...
  bool header = true;
  /// The value in place of missing numbers (empty, NA or NaN). If it is not set, they are an Error.
  std::optional<double> missing = std::nullopt;
};

/// Reads a table (RFC 4180: fields in quotes, CR LF; see read_csv) as a data set with one input, the features (n, k)
/// float32, and one target: classes (n) or numbers (n, m) float32.
///
///   const Dataset data = load_csv("iris.csv", {.label = "species"});
///
/// Scale the features with a Normalization layer and adapt(). Error with path, line and column if a number is missing
/// or is not a finite number of float32, a row has another number of fields than the first, or a class is empty or not
/// in class_names; with the names of the columns if a column does not exist, occurs twice or is given twice; unless
/// label or targets are given, but not both; and if there is no row.
Dataset load_csv(const std::filesystem::path& path, const CsvOptions& options);

/// The names of the arrays in an archive for load_npz_data(): those that Keras uses in mnist.npz.
struct NpzNames {
  std::string train_input = "x_train";   ///< inputs for training
  std::string train_target = "y_train";  ///< their targets
  std::string test_input = "x_test";     ///< inputs for evaluation
  std::string test_target = "y_test";    ///< their targets
};

/// Reads a data set of an archive that numpy.savez() has written (see load_npz), such as Keras's mnist.npz. Inputs (n,
/// height, width) uint8 are grey images, (n, height, width, 1). Integer targets (n) or (n, 1) are class numbers, of as
/// many classes as the largest number says; floating targets are numbers. Error with the path and the array if one does
/// not exist, is damaged, or does not fit the others.
SplitData load_npz_data(const std::filesystem::path& path, const NpzNames& names = {});

}  // namespace xtape
