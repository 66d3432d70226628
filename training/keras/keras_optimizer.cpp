#include "training/keras/keras_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "framework/amount.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/utf8.hpp"
#include "models/files/keras/keras_values.hpp"
#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lamb.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "training/keras/keras_options.hpp"
#include "training/keras/keras_schedule.hpp"
#include "training/keras/settings_text.hpp"

namespace xtape {
namespace {

/// Optimizers of Keras 2.11 and later whose slots alternate: m and v of the first parameter, m and v of the second. The
/// others, and those of earlier versions, have all m before all v.
const std::set<std::string> alternating{"Adam", "AdamW", "Adamax", "Nadam", "Adadelta", "LAMB"};

/// A config, and what the version of Keras implies.
class OptimizerReader {
 public:
  OptimizerReader(const Json& serialized, std::vector<Parameter> parameters)
      : type_(class_of(serialized)), options_(serialized.at("config")), parameters_(std::move(parameters)) {
    current_ = options_.has("use_ema");
    original_ = !options_.has("name");
    options_.ignore({"name", "jit_compile", "is_legacy_optimizer"});
  }

  std::shared_ptr<Optimizer> read() {
    std::shared_ptr<Optimizer> optimizer = made();
    options_.check_empty();
    return optimizer;
  }

  /// Whether the formulas and the order of the state are those of Keras 2.11 and later.
  bool current() const { return current_; }
  /// Whether the optimizer is one of Keras before it became a part of TensorFlow.
  bool original() const { return original_; }

 private:
  static std::string class_of(const Json& serialized) {
    std::string type = serialized.at("class_name").get<std::string>();
    return type.starts_with("Custom>") ? type.substr(7) : type;
  }

  std::shared_ptr<Optimizer> made() {
    if (type_ == "SGD") {
      return make<SGD, SGDOptions>(
          {.momentum = options_.number("momentum", 0.0), .nesterov = options_.flag("nesterov")});
    }
    if (type_ == "Adam" || type_ == "AdamW") {
      options_.expect("amsgrad", {false});
      if (options_.has("weight_decay")) return make<AdamW>(betas<AdamWOptions>());
      if (type_ == "AdamW") return make<AdamW>(without_decay(betas<AdamWOptions>()));
      return make<Adam>(betas<AdamOptions>());
    }
    if (type_ == "Adamax") return make<Adamax>(betas<AdamaxOptions>());
    if (type_ == "Lamb") return make<LAMB>(betas<LAMBOptions>());
    if (type_ == "Nadam") return make<Nadam>(nadam());
    if (type_ == "Lion") {
      return make<Lion, LionOptions>(
          {.beta1 = options_.number("beta_1", 0.9), .beta2 = options_.number("beta_2", 0.99)});
    }
    if (type_ == "RMSprop") return make<RMSprop>(rmsprop());
    if (type_ == "Adagrad") {
      return make<Adagrad, AdagradOptions>(
          {.initial_accumulator_value = options_.number("initial_accumulator_value", 0.0),
           .epsilon = options_.number("epsilon", 1e-7),
           .epsilon_outside = !current_});
    }
    if (type_ == "Adadelta") {
      return make<Adadelta, AdadeltaOptions>(
          {.rho = options_.number("rho", 0.95), .epsilon = options_.number("epsilon", 1e-7)});
    }
    fail("expected an optimizer that xtape has, got the class {:.60}", visible(type_));
  }

  template <class Options>
  Options betas() {
    Options options;
    options.beta1 = options_.number("beta_1", 0.9);
    options.beta2 = options_.number("beta_2", 0.999);
    options.epsilon = options_.number("epsilon", 1e-7);
    return options;
  }

  static AdamWOptions without_decay(AdamWOptions options) {
    options.weight_decay = 0;
    return options;
  }

  NadamOptions nadam() {
    auto options = betas<NadamOptions>();
    // Before Keras 2.11 the momentum changes more slowly; tf.keras calls the number decay, which others use for the
    // rate
    if (!current_) options.momentum_decay = options_.number(original_ ? "schedule_decay" : "decay", 0.004);
    return options;
  }

  RMSpropOptions rmsprop() {
    RMSpropOptions options{.rho = options_.number("rho", 0.9),
                           .momentum = options_.number("momentum", 0.0),
                           .epsilon = options_.number("epsilon", 1e-7),
                           .centered = options_.flag("centered")};
    options.epsilon_outside = !current_ && options.momentum == 0;
    return options;
  }

  template <class Type, class Options>
  std::shared_ptr<Optimizer> make(Options options) {
    options.learning_rate = rate();
    const double decay = options_.number("weight_decay", 0.0);
    constexpr bool decoupled = std::is_same_v<Type, AdamW> || std::is_same_v<Type, Lion>;
    check(
        decoupled || decay == 0,
        "weight_decay: expected none for {}, got {}; Keras subtracts the decay from the weights, which xtape does for "
        "Adam, AdamW and Lion",
        type_, decay);
    if (decoupled && decay != 0) options.weight_decay = decay;
    options.clip_norm = options_.number("global_clipnorm", 0.0);
    options.clip_value = options_.number("clipvalue", 0.0);
    if (original_) options.clip_norm = options_.number("clipnorm", 0.0);  // of all gradients together
    check(!options_.has("clipnorm"),
          "clipnorm: expected global_clipnorm or clipvalue, got clipnorm, which limits each gradient alone");
    const double momentum = options_.number("ema_momentum", 0.99);
    const Json frequency = options_.take("ema_overwrite_frequency");
    if (options_.flag("use_ema")) {
      check(frequency.is_null(), "ema_overwrite_frequency: expected null, got {}; call swap_averages()",
            shown(frequency));
      options.ema_momentum = momentum;
    }
    options_.expect("loss_scale_factor", {});
    if (options_.has("gradient_accumulation_steps")) {
      fail("gradient_accumulation_steps: expected none, got a number; use FitOptions::accumulate");
    }
    return std::make_shared<Type>(parameters_, options);
  }

  LearningRate rate() {
    const bool early = options_.has("lr");
    LearningRate rate = rate_from_keras(options_.take(early ? "lr" : "learning_rate"));
    const double decay = options_.number("decay", 0.0);
    if (decay == 0) return rate;
    check(Settings(rate.text()).options.empty(), "decay: expected none with a schedule, got {}", decay);
    return schedule::inverse_time(rate.at(0), 1, decay);
  }

  std::string type_;
  KerasOptions options_;
  std::vector<Parameter> parameters_;
  bool current_ = true, original_ = false;  // original: not part of TensorFlow
};

/// Whether a parameter has a slot for the moving average.
bool has_average(const Optimizer& optimizer, const Parameter& parameter) {
  return optimizer.state_names(parameter).back().ends_with("/average");
}

/// The names of the slots in the order of Keras, each with the number of its parameter.
std::vector<std::pair<std::string, std::size_t>> slots_in_order(const Optimizer& optimizer,
                                                                const NamedParameters& trained, bool current) {
  std::vector<std::pair<std::string, std::size_t>> order;
  if (trained.empty()) return order;
  std::vector<std::vector<std::string>> names;
  for (const auto& [name, parameter] : trained) names.push_back(optimizer.state_names(parameter));
  std::size_t slots = names[0].size();
  if (slots > 0 && has_average(optimizer, trained[0].second)) {
    --slots;
    for (std::size_t i = 0; i < names.size(); ++i) order.emplace_back(names[i][slots], i);
  }
  if (current && alternating.contains(optimizer.type())) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      for (std::size_t s = 0; s < slots; ++s) order.emplace_back(names[i][s], i);
    }
  } else {
    for (std::size_t s = 0; s < slots; ++s) {
      for (std::size_t i = 0; i < names.size(); ++i) order.emplace_back(names[i][s], i);
    }
  }
  return order;
}

bool is_integer(const StoredTensor& tensor) { return tensor.dtype && !is_floating(*tensor.dtype); }

/// The number of steps, or nothing: the first variable, an integer; floating in files of Keras 1 and the first of Keras
/// 2. These optimizers, which are not part of TensorFlow, have no other single number in front of their slots.
std::optional<std::int64_t> iterations_of(const StoredTensor& first, bool original) {
  if (first.shape.rank() != 0 || !(is_integer(first) || original)) return std::nullopt;
  const double number = first.read().item();
  check(number >= 0 && number == std::floor(number) && number <= std::numeric_limits<std::int32_t>::max(),
        "expected fewer than 2^31 steps, a whole number, got {}", number);
  return static_cast<std::int64_t>(number);
}

void restore_state(Optimizer& optimizer, const KerasOptimizerSource& source, const OptimizerReader& reader) {
  const bool current = reader.current();
  std::deque<StoredTensor> left(source.variables.begin(), source.variables.end());
  std::int64_t iterations = 0;
  if (const auto steps = left.empty() ? std::nullopt : iterations_of(left.front(), reader.original())) {
    iterations = *steps;
    left.pop_front();
  }
  const auto slots = slots_in_order(optimizer, source.trained, current);
  if (slots.empty()) left.clear();  // tf.keras saves the momentum of SGD also when it is 0
  // The learning rate and products of momentums, which follow from the number of steps; one number for each parameter
  // in place of Adam's third slot
  const auto extra = [&] { return left.size() > slots.size(); };
  while (extra() && left.front().shape.size() == 1) left.pop_front();
  while (extra() && left.back().shape.size() == 1) left.pop_back();
  if (iterations == 0 && left.empty()) return;  // compiled, but not trained
  check(left.size() == slots.size(),
        "expected the state of {} for {}, {}, got {}; is a layer trainable that was not "
        "when Keras compiled the model, or the other way round?",
        optimizer.type(), amount(source.trained.size(), "trainable parameter"), amount(slots.size(), "array"),
        left.size());
  std::vector<std::pair<std::string, Tensor>> state;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& [name, parameter] = source.trained[slots[i].second];
    check(left[i].shape == parameter.shape(), "expected {} of shape {} for {}, got {}", left[i].name, parameter.shape(),
          name, left[i].shape);
    const bool no_average = iterations == 0 && slots[i].first.ends_with("/average");  // 0 in Keras
    state.emplace_back(slots[i].first, no_average ? Tensor::full(parameter.shape(), std::nan("")) : left[i].read());
  }
  optimizer.restore(iterations, state);
}

}  // namespace

std::shared_ptr<Optimizer> optimizer_from_keras(const KerasOptimizerSource& source,
                                                const std::vector<Parameter>& parameters) {
  const Json& given = source.serialized;
  check(given.is_object() && given.contains("class_name") && given.at("class_name").is_string() &&
            given.contains("config") && given.at("config").is_object(),
        "expected class_name and config, got {}", shown(given));
  OptimizerReader reader(given, parameters);
  std::shared_ptr<Optimizer> optimizer = reader.read();
  restore_state(*optimizer, source, reader);
  return optimizer;
}

Json optimizer_to_keras(const Optimizer& optimizer) {
  static const std::map<std::string, std::string> classes{
      {"SGD", "SGD"},         {"Adam", "Adam"},         {"AdamW", "AdamW"},   {"RMSprop", "RMSprop"},
      {"Adagrad", "Adagrad"}, {"Adadelta", "Adadelta"}, {"Adamax", "Adamax"}, {"Nadam", "Nadam"},
      {"Lion", "Lion"},       {"LAMB", "Lamb"}};
  const auto known = classes.find(optimizer.type());
  check(known != classes.end(), "expected an optimizer that Keras has, got {}", optimizer.type());
  Settings settings(fmt::format("{} ({})", optimizer.type(), optimizer.settings()));
  Json config;
  config["name"] = lower_case(known->second);
  config["learning_rate"] = rate_to_keras(optimizer.schedule());
  const bool decoupled = settings.take_flag("decoupled") && optimizer.type() != "LAMB";
  const double decay = settings.take("weight_decay", 0), ema = settings.take("ema_momentum", 0);
  check(decoupled || decay == 0,
        "weight_decay: expected 0 for {}, got {}: Keras subtracts the decay from the weights instead; use AdamW, or "
        "regularizers of the layers",
        optimizer.type(), decay);
  const auto number_or_null = [](double number) { return number > 0 ? Json(number) : Json(); };
  config["weight_decay"] = number_or_null(decay);
  config["clipnorm"] = nullptr;
  config["global_clipnorm"] = number_or_null(settings.take("clip_norm", 0));
  config["clipvalue"] = number_or_null(settings.take("clip_value", 0));
  config["use_ema"] = ema > 0;
  config["ema_momentum"] = ema > 0 ? ema : 0.99;
  for (const char* name : {"ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps"}) {
    config[name] = nullptr;
  }
  const std::map<std::string, std::string> renamed{{"beta1", "beta_1"}, {"beta2", "beta_2"}};
  for (const char* option : {"beta1", "beta2", "epsilon", "rho", "momentum", "initial_accumulator_value"}) {
    const std::vector<double> number = settings.take_all(option);
    const auto name = renamed.find(option);
    if (!number.empty()) config[name == renamed.end() ? option : name->second] = number.front();
  }
  for (const char* option : {"nesterov", "centered"}) {
    const std::vector<double> flag = settings.take_all(option);
    if (!flag.empty()) config[option] = flag.front() != 0;
  }
  settings.check_empty();
  return {
      {"module", "keras.optimizers"}, {"class_name", known->second}, {"config", config}, {"registered_name", nullptr}};
}

std::vector<Tensor> optimizer_variables(const Optimizer& optimizer, const NamedParameters& trained) {
  const auto all = optimizer.named_state();
  const std::map<std::string, Tensor> state(all.begin(), all.end());
  Tensor iterations = Tensor::zeros({}, DType::int64);
  iterations.mutable_data<std::int64_t>()[0] = optimizer.iterations();
  std::vector<Tensor> variables{iterations};
  if (Settings(optimizer.schedule().text()).options.empty()) {
    variables.push_back(Tensor::scalar(optimizer.learning_rate(), DType::float32));
  }
  for (const auto& [name, parameter] : trained) {
    check(optimizer.changes(parameter), "expected an optimizer of all trainable parameters, got one without {}", name);
  }
  for (const auto& [name, parameter] : slots_in_order(optimizer, trained, true)) {
    const auto slot = state.find(name);
    check(slot != state.end(),
          "expected an optimizer with a state for every trainable parameter, got none for {}; do a step first",
          trained[parameter].first);
    const bool no_average = optimizer.iterations() == 0 && name.ends_with("/average");
    variables.push_back(no_average ? Tensor::zeros(slot->second.shape(), slot->second.dtype()) : slot->second);
  }
  if (optimizer.type() == "Nadam") {
    Settings settings(fmt::format("Nadam ({})", optimizer.settings()));
    const double beta1 = settings.take("beta1", 0);
    double product = 1;
    for (std::int64_t t = 1; t <= optimizer.iterations() && product > 0; ++t) {
      product *= beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t)));
    }
    variables.push_back(Tensor::scalar(product, DType::float32));
  }
  return variables;
}

}  // namespace xtape
