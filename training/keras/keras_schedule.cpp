#include "training/keras/keras_schedule.hpp"

#include <cmath>

#include "models/files/keras/keras_values.hpp"
#include "training/keras/keras_options.hpp"
#include "training/keras/settings_text.hpp"

namespace xtape {
namespace {

LearningRate piecewise(KerasOptions& options) {
  std::vector<std::int64_t> boundaries;
  for (const double boundary : options.numbers("boundaries")) {
    check(std::abs(boundary) < 1e15, "expected boundaries below 1e15, got {}", boundary);
    boundaries.push_back(static_cast<std::int64_t>(std::floor(boundary)));
  }
  return schedule::piecewise(boundaries, options.numbers("values"));
}

LearningRate cosine(KerasOptions& options) {
  const double initial = options.number("initial_learning_rate"), alpha = options.number("alpha", 0.0);
  const std::int64_t steps = options.whole("decay_steps"), warmup = options.whole("warmup_steps", 0.0);
  const double target = options.number("warmup_target", -1.0);
  if (target < 0) return schedule::cosine(initial, steps, {.final_rate = alpha * initial});  // no warm-up
  return schedule::cosine(target, steps + warmup,
                          {.warmup_steps = warmup, .final_rate = alpha * target, .warmup_from = initial});
}

LearningRate restarts(KerasOptions& options) {
  const double initial = options.number("initial_learning_rate");
  return schedule::cosine_restarts(initial, options.whole("first_decay_steps"),
                                   {.period_factor = options.number("t_mul", 2.0),
                                    .rate_factor = options.number("m_mul", 1.0),
                                    .final_rate = options.number("alpha", 0.0) * initial});
}

LearningRate schedule_from_keras(const std::string& type, KerasOptions& options) {
  if (type == "PiecewiseConstantDecay") return piecewise(options);
  if (type == "CosineDecay") return cosine(options);
  if (type == "CosineDecayRestarts") return restarts(options);
  const double initial = options.number("initial_learning_rate");
  const std::int64_t steps = options.whole("decay_steps");
  if (type == "PolynomialDecay") {
    return schedule::polynomial(initial, steps,
                                {.final_rate = options.number("end_learning_rate", 1e-4),
                                 .power = options.number("power", 1.0),
                                 .cycle = options.flag("cycle")});
  }
  const double rate = options.number("decay_rate");
  const bool staircase = options.flag("staircase");
  return type == "ExponentialDecay" ? schedule::exponential(initial, steps, rate, staircase)
                                    : schedule::inverse_time(initial, steps, rate, staircase);
}

}  // namespace

LearningRate rate_from_keras(const Json& given) {
  if (given.is_number()) return given.get<double>();
  const Json type = given.is_object() ? given.value("class_name", Json()) : Json();
  const Json config = given.is_object() ? given.value("config", Json()) : Json();
  const bool known = type == "PiecewiseConstantDecay" || type == "CosineDecay" || type == "CosineDecayRestarts" ||
                     type == "PolynomialDecay" || type == "ExponentialDecay" || type == "InverseTimeDecay";
  check(known && config.is_object(), "learning_rate: expected a number or a schedule of Keras, got {}", shown(given));
  KerasOptions options(config);
  options.ignore({"name"});
  LearningRate rate = schedule_from_keras(type.get<std::string>(), options);
  options.check_empty();
  return rate;
}

namespace {

/// Keras's alpha: the share of the initial rate that remains at the end. Error if there is none.
double share_of_initial(double final_rate, double initial) {
  if (final_rate == 0) return 0;
  check(std::isfinite(final_rate / initial),
        "learning_rate: expected an initial rate above 0 for a final_rate above 0, which is a share of it in Keras, "
        "got {} and {}",
        initial, final_rate);
  return final_rate / initial;
}

}  // namespace

Json rate_to_keras(const LearningRate& rate) {
  Settings settings(rate.text());
  if (rate.text().empty() || settings.options.empty()) {
    check(!rate.text().empty(),
          "learning_rate: expected a number or a schedule of xtape::schedule, got another function; set the learning "
          "rate to the number that Keras shall continue with");
    return rate.at(0);
  }
  const auto number = [&](const char* option) { return settings.take(option, 0); };
  const auto steps = [&](const char* option) { return static_cast<std::int64_t>(number(option)); };
  std::string type;
  Json config;
  if (settings.name == "piecewise") {
    type = "PiecewiseConstantDecay";
    std::vector<std::int64_t> boundaries;
    for (const double boundary : settings.take_all("boundaries")) {
      boundaries.push_back(static_cast<std::int64_t>(boundary));
    }
    const std::vector<double> values = settings.take_all("values");
    if (boundaries.empty()) return values.front();  // a constant rate
    config = {{"boundaries", boundaries}, {"values", values}};
  } else {
    const double initial = number("initial");
    config["initial_learning_rate"] = initial;
    if (settings.name == "cosine") {
      type = "CosineDecay";
      const std::int64_t warmup = steps("warmup_steps");
      config["decay_steps"] = steps("steps") - warmup;
      config["alpha"] = share_of_initial(number("final_rate"), initial);
      const std::vector<double> from = settings.take_all("warmup_from");
      check(warmup == 0 || !from.empty(),
            "learning_rate: expected a warm-up with warmup_from, as Keras's CosineDecay has, got another warm-up");
      if (warmup > 0) {
        config["initial_learning_rate"] = from.front();
        config["warmup_target"] = initial;
        config["warmup_steps"] = warmup;
      }
    } else if (settings.name == "cosine_restarts") {
      type = "CosineDecayRestarts";
      config["first_decay_steps"] = steps("steps");
      config["t_mul"] = number("period_factor");
      config["m_mul"] = number("rate_factor");
      config["alpha"] = share_of_initial(number("final_rate"), initial);
    } else if (settings.name == "polynomial") {
      type = "PolynomialDecay";
      config["decay_steps"] = steps("steps");
      config["end_learning_rate"] = number("final_rate");
      config["power"] = number("power");
      config["cycle"] = number("cycle") != 0;
    } else {
      type = settings.name == "exponential" ? "ExponentialDecay" : "InverseTimeDecay";
      config["decay_steps"] = steps("decay_steps");
      config["decay_rate"] = number("rate");
      config["staircase"] = number("staircase") != 0;
    }
  }
  settings.check_empty();
  return {
      {"module", "keras.optimizers.schedules"}, {"class_name", type}, {"config", config}, {"registered_name", nullptr}};
}

}  // namespace xtape
