// Gradients: what the backward pass of one or several passes gives, by parameter.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "framework/autograd/parameter.hpp"

namespace xtape {

/// New values that a pass announced for parameters that are state, such as moving averages. Written once.
class StateUpdates {
 public:
  /// The next value from the one before; of the same shape.
  using Update = std::function<Tensor(const Tensor& old)>;
  void add(const Parameter& parameter, Update update);
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
  using Entry = std::pair<Parameter, Tensor>;

  /// None yet: a start for +=.
  Gradients() = default;

  /// The gradient of the parameter. Error naming it when there is none.
  const Tensor& operator[](const Parameter& parameter) const;
  bool contains(const Parameter& parameter) const { return places_.contains(parameter); }
  /// Pairs of parameter and gradient, in the order in which the passes first used the parameters.
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  /// Adds to the parameter's gradient, which is zero at first. Error unless shape and type are the parameter's.
  void add(const Parameter& parameter, Tensor gradient);
  /// The sum, over the parameters of both. State updates of `other` follow this one's. Error, with nothing changed,
  /// when the types of two gradients differ.
  Gradients& operator+=(const Gradients& other);
  Gradients& operator*=(double factor);

  /// Euclidean norm of all gradients together; not finite when an element is not.
  double norm() const;
  /// Scales all gradients so that their norm is at most `largest`, which is above 0. Returns the norm before. Error,
  /// with nothing changed, when that is not finite. Pascanu, Mikolov and Bengio, On the difficulty of training
  /// recurrent neural networks, ICML 2013, algorithm 1.
  double clip_norm(double largest);
  /// Limits every element to [-largest, largest]; `largest` is above 0. NaN stays.
  void clip_value(double largest);

  /// norm(), for whoever scales by it. Error with the caller's name and the parameter's when it is not finite.
  double finite_norm(std::string_view caller) const;

  /// Writes the announced state updates; an optimizer's step does this. Each is written once, however often this or a
  /// step is called for this object or its copies. Updates of one parameter are applied in their order. Error, with
  /// nothing changed, when an update throws or gives another shape or type.
  void commit() const;
  /// The same with a call of change() after the new values are computed and before they are written: when an update or
  /// change() throws, no update is written.
  void commit_after(const std::function<void()>& change) const;

 private:
  friend class ForwardPass;
  std::vector<Entry> next_state() const;

  std::vector<Entry> entries_;
  std::unordered_map<Parameter, std::size_t> places_;   // in entries_
  std::vector<std::shared_ptr<StateUpdates>> updates_;  // of each pass
};

}  // namespace xtape
