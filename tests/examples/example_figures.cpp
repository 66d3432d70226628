// Runs an example with --quick and checks the figures that it prints: example_figures PROGRAM. The bounds are wide,
// because instruction sets round differently; a figure of another meaning, scale or sign is outside of them.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <sys/wait.h>
#include <vector>

namespace {

/// What an example prints: each match of `text` has a number in [low, high] as its only group.
struct Figure {
  const char* text;
  double low, high;
};

const std::string number = "(-?[0-9.]+)";

const std::map<std::string, std::vector<Figure>> figures{
    {"quickstart", {{"test: loss #", 0.3, 0.9}, {"test: .*, accuracy #", 0.65, 0.9}}},
    {"manual_loop", {{"epoch  80: loss #", 0, 0.3}, {"test accuracy #", 0.9, 1}}},
    {"gradient_penalty",
     {{"step  300: distance #", 3.7, 4.3},
      {"step  300: .*slope #", 0.9, 1.05},
      {"step 1500: distance #", 4.9, 5.4},
      {"step 1500: .*slope #", 1, 1.05}}},
    {"fine_tuning", {{"classes: # with the old layers frozen", 0.4, 1}, {", # after fine-tuning", 0.7, 1}}},
    {"two_tasks",
     {{"kind_accuracy #%, kind_top", 60, 95},
      {"kind_top_3_accuracy #%, price", 85, 100},
      {"price_r2 #\n", 0.2, 1},
      {"worth #; paid", 1, 200},
      {"paid #\n", 1, 200}}},
    {"segmentation",
     {{"96x96 pixels: loss #", 0, 0.4}, {"96x96 .*accuracy #%", 85, 100}, {"96x96 .*union #\n", 0.1, 1}}},
    {"autoencoder", {{"mean squared error #, ", 0.005, 0.05}, {" # % of the variance", 10, 60}}},
    {"gan",
     {{"loss of the discriminator #", 0.4, 1}, {"of the generator #", 0.4, 1.5}, {"variance # of the real", 0.05, 2}}},
    {"siamese", {{"judged correctly: # for the kinds", 0.7, 1}, {"training data, # for new kinds", 0.6, 1}}},
    {"detection",
     {{"kind_accuracy #%, box_mean_absolute_error [^;]*; mean", 35, 90}, {"overlap of the boxes #", 0.45, 0.9}}},
};

/// The example's output, which is shown too, and its exit status in `status`.
std::string output_of(const std::string& program, int& status) {
  std::string text;
  FILE* pipe = popen(("'" + program + "' --quick").c_str(), "r");
  if (!pipe) return text;
  for (int c; (c = std::getc(pipe)) != EOF;) {
    text += static_cast<char>(c);
    std::putchar(c);
  }
  const int result = pclose(pipe);
  status = WIFEXITED(result) ? WEXITSTATUS(result) : 1;
  return text;
}

/// Whether the text has the figure, in its bounds.
bool is_right(const std::string& text, const Figure& figure) {
  std::string pattern = figure.text;
  if (const std::size_t at = pattern.find('#'); at != std::string::npos) pattern.replace(at, 1, number);
  const std::regex expression(pattern);
  bool found = false, right = true;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
    const double value = std::atof((*match)[1].str().c_str());
    found = true;
    right = right && value >= figure.low && value <= figure.high;
  }
  if (!found || !right) {
    std::cerr << "expected '" << figure.text << "' with a number in [" << figure.low << ", " << figure.high << "], got "
              << (found ? "another number" : "none") << "\n";
  }
  return found && right;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string program = argv[1];
  int status = 2;
  const std::string text = output_of(program, status);
  if (status != 0) return status;
  const auto known = figures.find(program.substr(program.rfind('/') + 1));
  bool right = true;
  if (known != figures.end()) {
    for (const Figure& figure : known->second) right = is_right(text, figure) && right;
  }
  return right ? 0 : 1;
}
