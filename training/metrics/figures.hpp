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
  /// The name, such as "val_loss".
  std::string name;
  /// The number.
  double value;
  friend bool operator==(const Figure&, const Figure&) = default;
};

/// An ordered list of figures with different names. evaluate() returns it, and a History has one for each epoch:
/// "loss", then the metrics ("accuracy"); with several outputs also "<output>_loss" and "<output>_accuracy" for each.
/// In a History the same figures of the validation follow ("val_loss", "val_accuracy"), then "learning_rate" and
/// "seconds". The names are those of Keras.
class Figures {
 public:
  Figures() = default;
  /// A list of names and numbers.
  Figures(std::initializer_list<Figure> figures) {
    for (const Figure& figure : figures) set(figure.name, figure.value);
  }

  /// The figure with this name. Error with the existing names when there is none.
  double operator[](std::string_view name) const;
  /// The figure with this name; nothing when there is none.
  std::optional<double> find(std::string_view name) const;
  /// Whether there is a figure with this name.
  bool contains(std::string_view name) const { return find(name).has_value(); }
  /// Changes the figure with this name, or adds it at the end.
  void set(std::string_view name, double value);
  /// Adds all figures of another list, with `prefix` before each name.
  void append(const Figures& more, std::string_view prefix = "");

  /// Iterator to the first figure.
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

/// A figure as text: "93.8%" if its name ends in "accuracy", otherwise "0.1250".
std::string figure_text(std::string_view name, double value);

/// The figures as text: "loss 0.1250, accuracy 93.8%".
std::string to_string(const Figures& figures);

/// Error, beginning with `function`, unless the name of a loss or metric consists of at least one letter, digit, space
/// or character of _ - + . @ ( ), so that it can be part of a figure's name, of a CSV file and of a message.
void check_figure_name(std::string_view function, std::string_view name);

}  // namespace xtape
