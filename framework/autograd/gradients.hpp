// Gradients: the result of one or several backward passes, by parameter.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "framework/autograd/parameter.hpp"

namespace xtape {

/// New values that a pass announced for parameters that are state, such as moving averages. They are written once.
class StateUpdates {
 public:
  /// Computes the new value from the old one. Both have the same shape and type.
  using Update = std::function<Tensor(const Tensor& old)>;
  /// Adds an update of a parameter. Updates of one parameter are applied in the order in which they were added.
  void add(const Parameter& parameter, Update update);
  /// Adds all updates of `other` after the updates of this object.
  void append(StateUpdates other);

 private:
  friend class Gradients;
  std::vector<std::pair<Parameter, Update>> updates_;
  bool committed_ = false;
};

/// The gradient of each parameter that a loss depends on, and the state updates that the passes announced. Copies share
/// the tensors until one of them is changed.
///
///   Gradients gradients = pass.backward(loss);
///   gradients += other_pass.backward(other_loss);   // gradients of a sum of losses
///   adam.step(gradients);
class Gradients {
 public:
  /// A parameter and its gradient.
  using Entry = std::pair<Parameter, Tensor>;

  /// Contains no gradients: the initial value for a sum with +=.
  Gradients() = default;

  /// The gradient of the parameter. Error with the parameter's name if there is none.
  const Tensor& operator[](const Parameter& parameter) const;
  /// Whether there is a gradient of the parameter.
  bool contains(const Parameter& parameter) const { return places_.contains(parameter); }
  /// The begin of the pairs of parameter and gradient, in the order in which the passes first used the parameters.
  auto begin() const { return entries_.begin(); }
  /// The end of the pairs of parameter and gradient.
  auto end() const { return entries_.end(); }
  /// The number of parameters that have a gradient.
  std::size_t size() const { return entries_.size(); }
  /// Whether there are no gradients.
  bool empty() const { return entries_.empty(); }

  /// Adds to the parameter's gradient, which is zero initially. Error unless the parameter has the same shape and type.
  void add(const Parameter& parameter, Tensor gradient);
  /// Adds the gradients of `other`. A parameter that only one of the two contains has a zero gradient in the other one.
  /// State updates of `other` follow those of this object. Error, with nothing changed, if the types of two gradients
  /// differ.
  Gradients& operator+=(const Gradients& other);
  /// Multiplies all gradients by the factor. State updates do not change.
  Gradients& operator*=(double factor);

  /// The Euclidean norm of all gradients together. It is not finite if an element is not finite.
  double norm() const;
  /// Scales all gradients so that their norm is at most `largest`, which must be above 0. Returns the norm before
  /// scaling. Error, with nothing changed, if that norm is not finite. Pascanu, Mikolov and Bengio, On the difficulty
  /// of training recurrent neural networks, ICML 2013, algorithm 1.
  double clip_norm(double largest);
  /// Limits every element to [-largest, largest]; `largest` must be above 0. NaN does not change.
  void clip_value(double largest);

  /// norm() for callers that scale by it. Error with the names of the caller and of the parameter if it is not finite.
  double finite_norm(std::string_view caller) const;

  /// Announces the new value f(old) of a parameter that is state, after the updates of the passes; see
  /// ForwardPass::update().
  void update(const Parameter& parameter, StateUpdates::Update f);
  /// The new values that commit() would write, for each parameter once. Error if an update throws or returns a
  /// different shape or type.
  std::vector<Entry> next_state() const;
  /// Writes the announced state updates. An optimizer's step calls this. Each update is written once, even if this
  /// function or a step is called several times for this object or its copies. Updates of one parameter are applied in
  /// order. Error, with nothing changed, if an update throws or returns a different shape or type.
  void commit() const;
  /// Writes the announced state updates as commit() does, and calls change() after the new values are computed and
  /// before they are written. If an update or change() throws, no update is written.
  void commit_after(const std::function<void()>& change) const;

 private:
  friend class ForwardPass;

  std::vector<Entry> entries_;
  std::unordered_map<Parameter, std::size_t> places_;   // index in entries_
  std::vector<std::shared_ptr<StateUpdates>> updates_;  // one entry per pass
};

}  // namespace xtape
