// The limits of every option of every optimizer from both sides, and the texts of their settings.
#include "optim/adadelta.hpp"
#include "optim/adagrad.hpp"
#include "optim/adam.hpp"
#include "optim/adamax.hpp"
#include "optim/lamb.hpp"
#include "optim/lars.hpp"
#include "optim/lion.hpp"
#include "optim/nadam.hpp"
#include "optim/rmsprop.hpp"
#include "optim/sgd.hpp"
#include "tests/support/limits.hpp"

namespace xtape {
namespace {

using namespace test;

Parameter scalar() { return {"p", Tensor::scalar(1)}; }

/// A member of the options of an optimizer as an argument.
template <class AnyOptimizer, class Options>
std::function<void(double)> with(double Options::*option) {
  return [option](double value) {
    Options options{};
    options.*option = value;
    AnyOptimizer({scalar()}, options);
  };
}

template <class AnyOptimizer, class Options>
void check_fractions(const std::string& type,
                     std::initializer_list<std::pair<const char*, double Options::*>> options) {
  for (const auto& [name, member] : options) {
    number_limits(fmt::format("{}: expected {} in [0, 1), got ", type, name), with<AnyOptimizer>(member),
                  {0, std::nextafter(1, 0)}, {below_zero, 1});
  }
}

template <class AnyOptimizer, class Options>
void check_not_negative(const std::string& type,
                        std::initializer_list<std::pair<const char*, double Options::*>> options) {
  for (const auto& [name, member] : options) {
    number_limits(fmt::format("{}: expected a finite {} of at least 0, got ", type, name), with<AnyOptimizer>(member),
                  {0, greatest_finite}, {below_zero, infinite});
  }
}

/// The options that all optimizers have.
template <class AnyOptimizer, class Options>
void check_common(const std::string& type) {
  check_not_negative<AnyOptimizer, Options>(type, {{"weight_decay", &Options::weight_decay},
                                                   {"clip_norm", &Options::clip_norm},
                                                   {"clip_value", &Options::clip_value}});
  check_fractions<AnyOptimizer, Options>(type, {{"ema_momentum", &Options::ema_momentum}});
}

template <class AnyOptimizer, class Options>
void check_moments(const std::string& type) {
  check_common<AnyOptimizer, Options>(type);
  check_fractions<AnyOptimizer, Options>(type, {{"beta1", &Options::beta1}, {"beta2", &Options::beta2}});
  check_not_negative<AnyOptimizer, Options>(type, {{"epsilon", &Options::epsilon}});
}

}  // namespace

TEST_CASE("options of optimizers are accepted up to their limits, and messages say what was expected") {
  check_common<SGD, SGDOptions>("SGD");
  check_fractions<SGD, SGDOptions>("SGD", {{"momentum", &SGDOptions::momentum}});
  check_limits<double>("SGD: expected momentum above 0 with nesterov, got ",
                       [](double m) { SGD({scalar()}, {.momentum = m, .nesterov = true}); }, {above_zero}, {0});
  check_moments<Adam, AdamOptions>("Adam");
  check_moments<AdamW, AdamWOptions>("AdamW");
  check_moments<Adamax, AdamaxOptions>("Adamax");
  check_moments<LAMB, LAMBOptions>("LAMB");
  check_moments<Nadam, NadamOptions>("Nadam");
  check_not_negative<Nadam, NadamOptions>("Nadam", {{"momentum_decay", &NadamOptions::momentum_decay}});
  check_common<LARS, LARSOptions>("LARS");
  check_fractions<LARS, LARSOptions>("LARS", {{"momentum", &LARSOptions::momentum}});
  number_limits("LARS: expected a finite trust_coefficient above 0, got ", with<LARS>(&LARSOptions::trust_coefficient),
                {above_zero, greatest_finite}, {0, infinite});
  check_common<Lion, LionOptions>("Lion");
  check_fractions<Lion, LionOptions>("Lion", {{"beta1", &LionOptions::beta1}, {"beta2", &LionOptions::beta2}});
  check_common<RMSprop, RMSpropOptions>("RMSprop");
  check_fractions<RMSprop, RMSpropOptions>("RMSprop",
                                           {{"rho", &RMSpropOptions::rho}, {"momentum", &RMSpropOptions::momentum}});
  check_not_negative<RMSprop, RMSpropOptions>("RMSprop", {{"epsilon", &RMSpropOptions::epsilon}});
  check_common<Adagrad, AdagradOptions>("Adagrad");
  check_not_negative<Adagrad, AdagradOptions>(
      "Adagrad", {{"initial_accumulator_value", &AdagradOptions::initial_accumulator_value},
                  {"epsilon", &AdagradOptions::epsilon}});
  check_common<Adadelta, AdadeltaOptions>("Adadelta");
  check_fractions<Adadelta, AdadeltaOptions>("Adadelta", {{"rho", &AdadeltaOptions::rho}});
  check_not_negative<Adadelta, AdadeltaOptions>("Adadelta", {{"epsilon", &AdadeltaOptions::epsilon}});
  for (const bool decay : {false, true}) {
    number_limits(fmt::format("SGD: expected a finite {} of at least 0 in group 1, got ",
                              decay ? "weight_decay" : "learning_rate_factor"),
                  [decay](double value) {
                    ParameterGroup group{.names = {"*"}};
                    if (decay) group.weight_decay = value;
                    if (!decay) group.learning_rate_factor = value;
                    SGD({scalar()}, {.groups = {group}});
                  },
                  {0, greatest_finite}, {below_zero, infinite});
  }
}

TEST_CASE("the settings of an optimizer have every option, by which a checkpoint recognizes it") {
  const ParameterGroup group{.names = {"p", "q*"}, .learning_rate_factor = 3, .weight_decay = 0.25, .frozen = true};
  CHECK(to_string(group) == "p q*: learning_rate_factor 3, weight_decay 0.25, frozen true");
  CHECK(to_string(ParameterGroup{.predicate = [](const Parameter&) { return true; }}) ==
        "(predicate): learning_rate_factor 1, frozen false");
  const std::string plain = "weight_decay 0.125, clip_norm 5, clip_value 0";
  CHECK(SGD({scalar()}, {.momentum = 0.5, .nesterov = true, .weight_decay = 0.125, .clip_norm = 5}).settings() ==
        "momentum 0.5, nesterov true, " + plain);
  CHECK(SGD({scalar()}, {.weight_decay = 0.125, .clip_value = 5, .groups = {{.names = {"p"}}}, .ema_momentum = 0.75})
            .settings() ==
        "momentum 0, nesterov false, weight_decay 0.125, clip_norm 0, clip_value 5, ema_momentum "
        "0.75, group p: learning_rate_factor 1, frozen false");
  const std::string moments = "beta1 0.5, beta2 0.75, epsilon 0.25, ";
  CHECK(Adam({scalar()}, {.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5})
            .settings() == moments + plain);
  CHECK(AdamW({scalar()}, {.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5})
            .settings() == moments + "decoupled " + plain);
  CHECK(Adamax({scalar()}, {.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5})
            .settings() == moments + plain);
  const LAMBOptions lamb{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5};
  CHECK(LAMB({scalar()}, lamb).settings() == moments + "decoupled " + plain);
  CHECK(Nadam({scalar()}, {.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5})
            .settings() == moments + plain);
  CHECK(Nadam({scalar()}, {.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.25, .momentum_decay = 2}).settings() ==
        moments + "momentum_decay 2, weight_decay 0, clip_norm 0, clip_value 0");
  const LARSOptions lars{
      .momentum = 0.5, .trust_coefficient = 0.25, .adapt_vectors = true, .weight_decay = 0.125, .clip_norm = 5};
  CHECK(LARS({scalar()}, lars).settings() ==
        "momentum 0.5, trust_coefficient 0.25, adapt_vectors true, decoupled " + plain);
  CHECK(Lion({scalar()}, {.beta1 = 0.5, .beta2 = 0.75, .weight_decay = 0.125, .clip_norm = 5}).settings() ==
        "beta1 0.5, beta2 0.75, decoupled " + plain);
  RMSpropOptions rmsprop{
      .rho = 0.5, .momentum = 0.75, .epsilon = 0.25, .centered = true, .weight_decay = 0.125, .clip_norm = 5};
  CHECK(RMSprop({scalar()}, rmsprop).settings() == "rho 0.5, momentum 0.75, epsilon 0.25, centered true, " + plain);
  rmsprop.epsilon_outside = true;
  CHECK(RMSprop({scalar()}, rmsprop).settings() ==
        "rho 0.5, momentum 0.75, epsilon 0.25, centered true, epsilon_outside true, " + plain);
  AdagradOptions adagrad{.initial_accumulator_value = 0.5, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5};
  CHECK(Adagrad({scalar()}, adagrad).settings() == "initial_accumulator_value 0.5, epsilon 0.25, " + plain);
  adagrad.epsilon_outside = true;
  CHECK(Adagrad({scalar()}, adagrad).settings() ==
        "initial_accumulator_value 0.5, epsilon 0.25, epsilon_outside true, " + plain);
  CHECK(Adadelta({scalar()}, {.rho = 0.5, .epsilon = 0.25, .weight_decay = 0.125, .clip_norm = 5}).settings() ==
        "rho 0.5, epsilon 0.25, " + plain);
}

}  // namespace xtape
