// Figures: numbers by name, such as {"loss": 0.31, "accuracy": 0.9}.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// A number with a name.
struct Figure {
  /// Such as "val_loss".
  std::string name;
  /// The number.
  double value;
  friend bool operator==(const Figure&, const Figure&) = default;
};

/// An ordered list of figures with different names. What evaluate returns and what the history keeps of each epoch:
/// "loss", then the metrics ("accuracy"), with several outputs also "<output>_loss" and "<output>_accuracy" for each;
/// in a history followed by the same of the validation ("val_loss", "val_accuracy"), "learning_rate" and "seconds".
/// These are Keras's names.
class Figures {
 public:
  Figures() = default;
  /// From names and numbers.
  Figures(std::initializer_list<Figure> figures) {
    for (const Figure& figure : figures) set(figure.name, figure.value);
  }

  /// The figure of this name. Error, with the names there are, when there is none.
  double operator[](std::string_view name) const;
  /// The same, or nothing.
  std::optional<double> find(std::string_view name) const;
  /// Whether there is a figure of this name.
  bool contains(std::string_view name) const { return find(name).has_value(); }
  /// Changes the figure of this name, or adds it at the end.
  void set(std::string_view name, double value);
  /// Adds all figures of another list, with a prefix before each name.
  void append(const Figures& more, std::string_view prefix = "");

  /// Iterator at the first figure.
  std::vector<Figure>::const_iterator begin() const { return figures_.begin(); }
  /// Iterator behind the last figure.
  std::vector<Figure>::const_iterator end() const { return figures_.end(); }
  /// Number of figures.
  std::size_t size() const { return figures_.size(); }
  /// Whether there are no figures.
  bool empty() const { return figures_.empty(); }
  friend bool operator==(const Figures&, const Figures&) = default;

 private:
  std::vector<Figure> figures_;
};

/// A figure as text: "93.8%" when its name ends in "accuracy", else "0.1250".
std::string figure_text(std::string_view name, double value);

/// "loss 0.1250, accuracy 93.8%".
std::string to_string(const Figures& figures);

/// Error naming `function` unless the name of a loss or metric can be part of a figure's name, of a CSV file and of a
/// message: not empty, and made of letters, digits and _ - + . @ ( ) or spaces.
void check_figure_name(std::string_view function, std::string_view name);

}  // namespace xtape
