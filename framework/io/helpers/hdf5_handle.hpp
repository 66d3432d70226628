// What every use of HDF5's C interface needs: handles that close themselves, reasons. Internal to framework/io/helpers.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

namespace xtape::hdf5 {

/// An identifier of HDF5's, closed at the end of the scope. Negative when opening it failed.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): stands for the identifier
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// What lies at a path of an open file, a group or a data set; invalid when there is nothing. Soft links are followed,
/// links into other files are not.
inline Handle open_object(hid_t file, const std::string& path) {
  static const hid_t access = [] {  // kept, because closing it would wipe out the reason of a failure
    const hid_t made = H5Pcreate(H5P_LINK_ACCESS);
    const auto refuse = [](const char*, const char*, const char*, const char*, unsigned*, hid_t, void*) -> herr_t {
      return -1;
    };
    H5Pset_elink_cb(made, refuse, nullptr);
    return made;
  }();
  return {H5Oopen(file, path.c_str(), access), H5Oclose};
}

/// HDF5's reason for the last failure: the innermost message on its error stack.
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
