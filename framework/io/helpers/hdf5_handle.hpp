// Utilities for the C interface of HDF5: owning handles and error messages. Internal to framework/io/helpers.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

namespace xtape::hdf5 {

/// An HDF5 identifier that is closed at the end of the scope. It is negative if opening failed.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): for calls of HDF5
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// Opens the group or data set at a path of an open file; the handle is invalid if there is none. Follows soft links,
/// but not links into other files.
inline Handle open_object(hid_t file, const std::string& path) {
  static const hid_t access = [] {  // never closed, because closing it would clear the reason of a failure
    const hid_t made = H5Pcreate(H5P_LINK_ACCESS);
    const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) -> herr_t {
      return -1;
    };
    H5Pset_elink_cb(made, refuse, nullptr);
    return made;
  }();
  return {H5Oopen(file, path.c_str(), access), H5Oclose};
}

/// The reason of the last failure: the innermost message on the error stack of HDF5.
inline std::string reason() {
  std::string text = "no reason given";
  const auto keep_first = [](unsigned n, const H5E_error2_t* error, void* target) -> herr_t {
    if (n == 0 && error->desc) *static_cast<std::string*>(target) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  return text;
}

}  // namespace xtape::hdf5
