// Required: an option that has no default.
#pragma once

#include <concepts>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

#include "layers/tensor_spec.hpp"

namespace xtape {

/// Stands for an option that has no default until it is read from a file.
struct ToBeRead {};

/// An option that has no default: leaving it out does not compile.
template <class T>
struct Required {
  Required() = delete;
  Required(ToBeRead) : value() {}  // NOLINT(google-explicit-constructor): stands for the value
  template <class U>
  requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, Required>) Required(U&& given)
      : value(std::forward<U>(given)) {}       // NOLINT(google-explicit-constructor): reads as the value
  operator const T&() const { return value; }  // NOLINT(google-explicit-constructor)
  T value;
};

/// A layer's options may hold lists, written in braces: Reshape({.target_shape = {-1, 7}}).
template <class List, class Element>
struct RequiredList {
  RequiredList() = delete;
  RequiredList(ToBeRead) {}                                             // NOLINT(google-explicit-constructor)
  RequiredList(std::initializer_list<Element> given) : value(given) {}  // NOLINT(google-explicit-constructor)
  RequiredList(List given) : value(std::move(given)) {}                 // NOLINT(google-explicit-constructor)
  operator const List&() const { return value; }                        // NOLINT(google-explicit-constructor)
  List value;
};

template <class T>
struct Required<std::vector<T>> : RequiredList<std::vector<T>, T> {
  using RequiredList<std::vector<T>, T>::RequiredList;
};
template <>
struct Required<PartialShape> : RequiredList<PartialShape, Extent> {
  using RequiredList::RequiredList;
};

}  // namespace xtape
