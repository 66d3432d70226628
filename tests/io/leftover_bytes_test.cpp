// JPEG files with extra bytes after the image data, which show that decoding was out of step.
#include "tests/io/image_files.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using namespace std::string_literals;

TEST_CASE("read_image rejects a JPEG file with extra bytes in the image data") {
  Tensor noise = Tensor::empty({48, 64, 3}, DType::uint8);
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < noise.size(); ++i) {
    noise.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  }
  const auto* pixels = noise.data<std::uint8_t>();
  for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
    INFO("flags " << flags);
    const std::string file = jpeg_file(pixels, 48, 64, TJPF_RGB, TJSAMP_444, flags);
    read_bytes_as_image(file);
    const std::size_t scan = file.find("\xFF\xDA");
    REQUIRE(file.size() > scan + 1000);
    const auto inserted = [&](std::size_t at, const std::string& bytes) {
      return file.substr(0, at) + bytes + file.substr(at);
    };
    const std::string extra(40, '\x55');  // without 0xFF, which begins a marker
    CHECK_THAT(image_error_for(inserted(file.size() - 2, extra)), Contains("extraneous bytes before marker 0xd9"));
    CHECK_THAT(image_error_for(inserted(file.size() - 2, std::string(1000, '\0'))), Contains("extraneous bytes"));
    const std::size_t middle = flags ? file.find("\xFF\xC4", scan) : file.size() - 2;  // after the first scan
    CHECK_THAT(image_error_for(inserted(middle, extra)), Contains("extraneous bytes"));
    if (!flags) continue;
    const std::size_t second = file.find("\xFF\xDA", scan + 2);
    CHECK(identical(read_bytes_as_image(inserted(second, extra)), read_bytes_as_image(file)));  // after its tables
  }
}

TEST_CASE("read_image rejects extra bytes before a restart marker") {
  // 16 x 8 grey pixels in two blocks with the same codes: "00", DC difference 0, and "1010", end of block, as in the
  // tables of ITU-T T.81, annex K.3; ones fill the byte
  const auto segment = [](char marker, const std::string& body) {
    return "\xFF"s + marker + big_endian(body.size() + 2, 2) + body;
  };
  const std::string dc = "\0"s + "\0\1\5\1\1\1\1\1\1\0\0\0\0\0\0\0"s + "\0\1\2\3\4\5\6\7\x08\x09\x0A\x0B"s;
  const std::string ac = "\x10"s + "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"s + "\0"s;  // 0000: end of block
  const std::string head = "\xFF\xD8"s + segment('\xDB', "\0"s + std::string(64, '\1')) +
                           segment('\xC0', "\x08\0\x08\0\x10\1\1\x11\0"s) + segment('\xC4', dc) + segment('\xC4', ac) +
                           segment('\xDD', "\0\1"s) + segment('\xDA', "\1\1\0\0\x3F\0"s);
  const std::string block = "\x03";  // 00 0000 11
  const Tensor grey = Tensor::full({8, 16, 3}, 128, DType::uint8);
  CHECK(identical(read_bytes_as_image(head + block + "\xFF\xD0" + block + "\xFF\xD9"), grey));
  const std::string extra(20, '\x55');
  CHECK_THAT(image_error_for(head + block + extra + "\xFF\xD0" + block + "\xFF\xD9"), Contains("extraneous bytes"));
  CHECK_THAT(image_error_for(head + block + std::string(12, '\0') + "\xFF\xD0" + block + "\xFF\xD9"),
             Contains("extraneous bytes"));
}
