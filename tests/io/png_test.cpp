// PNG files of every kind, and the pixels that read_image returns.
#include "tests/io/image_files.hpp"

using namespace xtape;
using namespace xtape::test;
using namespace std::string_literals;

TEST_CASE("read_image reads every kind of PNG file, and applies no gamma or colour profile") {
  const std::string chromaticity = big_endian(31270) + big_endian(32900) + big_endian(64000) + big_endian(33000) +
                                   big_endian(30000) + big_endian(60000) + big_endian(15000) + big_endian(6000);
  const std::string before =
      GENERATE_COPY(""s, png_chunk("gAMA", big_endian(100000)), png_chunk("gAMA", big_endian(30000)),
                    png_chunk("sRGB", "\0"s), png_chunk("cHRM", chromaticity) + png_chunk("gAMA", big_endian(100000)),
                    png_chunk("iCCP", "name\0\0no profile"s));
  const auto rgb_of = [&](int depth, int type, const std::string& pixels, const std::string& chunks = "") {
    return read_bytes_as_image(png_file(2, 1, depth, type, pixels, before + chunks));
  };
  const Tensor colours = rgb(1, 2, {10, 60, 128, 250, 130, 1});
  CHECK(identical(rgb_of(8, 2, "\x0A\x3C\x80\xFA\x82\x01"), colours));
  CHECK(identical(rgb_of(16, 2, "\x0A\x0A\x3C\x3C\x80\x80\xFA\xFA\x82\x82\x01\x01"), colours));
  CHECK(identical(rgb_of(8, 6, "\x0A\x3C\x80\xFF\xFA\x82\x01\xFF"), colours));
  CHECK(identical(rgb_of(16, 6, "\x0A\x0A\x3C\x3C\x80\x80\xFF\xFF\xFA\xFA\x82\x82\x01\x01\xFF\xFF"), colours));
  const std::string palette = png_chunk("PLTE", "\x0A\x3C\x80\xFA\x82\x01");
  CHECK(identical(rgb_of(8, 3, "\0\1"s, palette), colours));
  CHECK(identical(rgb_of(4, 3, "\x01", palette), colours));
  CHECK(identical(rgb_of(2, 3, "\x10", palette), colours));
  CHECK(identical(rgb_of(1, 3, "\x40", palette), colours));
  const std::string half_seen = png_chunk("tRNS", "\x33"s);  // the first colour's opacity is 51 / 255
  CHECK(identical(rgb_of(8, 3, "\0\1"s, palette + half_seen), rgb(1, 2, {206, 216, 230, 250, 130, 1})));
  const Tensor grey = rgb(1, 2, {60, 60, 60, 128, 128, 128});
  CHECK(identical(rgb_of(8, 0, "\x3C\x80"), grey));
  CHECK(identical(rgb_of(16, 0, "\x3C\x3C\x80\x80"), grey));
  CHECK(identical(rgb_of(8, 4, "\x3C\xFF\x80\xFF"), grey));
  CHECK(identical(rgb_of(16, 4, "\x3C\x3C\xFF\xFF\x80\x80\xFF\xFF"), grey));
  CHECK(identical(rgb_of(4, 0, "\x3C"), rgb(1, 2, {51, 51, 51, 204, 204, 204})));
  CHECK(identical(rgb_of(2, 0, "\x60"), rgb(1, 2, {85, 85, 85, 170, 170, 170})));
  CHECK(identical(rgb_of(1, 0, "\x40"), rgb(1, 2, {0, 0, 0, 255, 255, 255})));
  CHECK(identical(rgb_of(8, 0, "\x3C\x80", png_chunk("tRNS", "\0\x3C"s)), rgb(1, 2, {255, 255, 255, 128, 128, 128})));
  CHECK(identical(rgb_of(8, 2, "\x0A\x3C\x80\xFA\x82\x01", png_chunk("tRNS", "\0\x0A\0\x3C\0\x80"s)),
                  rgb(1, 2, {255, 255, 255, 250, 130, 1})));
}

TEST_CASE("read_image rounds 16 bits and reads interlaced PNG files") {
  const Tensor expected = rgb(1, 2, {1, 2, 3, 250, 251, 252});
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 2, "\x01\x02\x03\xFA\xFB\xFC")), expected));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 16, 2, "\1\1\2\2\3\3\xFA\xFA\xFB\xFB\xFC\xFC")), expected));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 16, 2, "\1\x70\1\xF0\3\3\xFA\xFA\xFB\xFB\xFC\xFC")),
                  rgb(1, 2, {1, 2, 3, 250, 251, 252})));  // 368 / 257 = 1.4, 496 / 257 = 1.9
  const std::string palette = png_chunk("PLTE", "\x01\x02\x03\xFA\xFB\xFC");
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 3, "\0\1"s, palette)), expected));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 1, 3, "\x40", palette)), expected));
  const Tensor grey = rgb(1, 2, {0, 0, 0, 255, 255, 255});
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 0, "\0\xFF"s)), grey));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 1, 0, "\x40")), grey));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 4, 0, "\x3C")), rgb(1, 2, {51, 51, 51, 204, 204, 204})));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 16, 0, "\0\0\xFF\xFF"s)), grey));
  // the seven passes over 2 x 1 pixels: the first has pixel 0, the sixth has pixel 1, the others are empty
  std::string interlaced = png_file(1, 2, 8, 2, "\x01\x02\x03\xFA\xFB\xFC");
  interlaced.replace(8, 25, png_chunk("IHDR", big_endian(2) + big_endian(1) + "\x08\x02\0\0\x01"s));
  CHECK(identical(read_bytes_as_image(interlaced), expected));
}

TEST_CASE("an index beyond the palette of a PNG file is an error") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "image.png";
  const auto refused = [&](const std::string& file, const std::string& got) {
    write_bytes(path, file);
    const std::string message = "read_image: expected an undamaged PNG file, got: " + got + "; in " + path.string();
    CHECK(error_of([&] { read_image(path); }) == message);
    CHECK(error_of([&] { check_image(path); }) == message);
  };
  const auto accepted = [&](const std::string& file, const Tensor& image) {
    write_bytes(path, file);
    CHECK(identical(read_image(path), image));
    check_image(path);
  };
  const std::string three = png_chunk("PLTE", "\x0A\x3C\x80\xFA\x82\x01\x14\x15\x16");
  const Tensor last = rgb(1, 2, {10, 60, 128, 20, 21, 22});
  const std::string seen = png_chunk("tRNS", "\xFF\0"s), beyond = "the palette index 3 where 2 is the last";
  for (const std::string& chunks : {three, three + seen}) {
    accepted(png_file(2, 1, 8, 3, "\0\2"s, chunks), last);
    accepted(png_file(2, 1, 4, 3, "\x02", chunks), last);
    accepted(png_file(2, 1, 2, 3, "\x2F", chunks), last);  // what fills the last byte of a row is no pixel
    refused(png_file(2, 1, 8, 3, "\0\3"s, chunks), beyond);
    refused(png_file(2, 1, 8, 3, "\xFF\0"s, chunks), "the palette index 255 where 2 is the last");
    refused(png_file(2, 1, 4, 3, "\x03", chunks), beyond);
    refused(png_file(2, 1, 2, 3, "\x30", chunks), beyond);
    refused(png_file(1, 3, 8, 3, "\3\0\1"s, chunks), beyond);
    refused(png_file(1, 3, 8, 3, "\0\1\3"s, chunks), beyond);
  }
  refused(png_file(2, 1, 1, 3, "\x40", png_chunk("PLTE", "\x0A\x3C\x80")), "the palette index 1 where 0 is the last");
  // 3 x 2 pixels, interlaced: the first pass has pixel (0, 0), the fifth (0, 2), the sixth (0, 1), the seventh the row
  // 1
  const auto interlaced = [&](const std::string& indices) {
    std::string rows;
    for (const std::size_t at : {0, 2, 1}) rows += "\0"s + indices[at];
    rows += "\0"s + indices.substr(3);
    std::string file = png_file(static_cast<unsigned>(rows.size()) - 1, 1, 8, 3, rows.substr(1), three);
    return file.replace(8, 25, png_chunk("IHDR", big_endian(3) + big_endian(2) + "\x08\x03\0\0\x01"s));
  };
  accepted(interlaced("\0\1\2\2\1\0"s), rgb(2, 3,
                                            {10, 60, 128, 250, 130, 1, 20, 21, 22,  //
                                             20, 21, 22, 250, 130, 1, 10, 60, 128}));
  for (std::size_t at = 0; at < 6; ++at) {
    std::string indices(6, '\1');
    indices[at] = '\3';
    refused(interlaced(indices), beyond);
  }
}

TEST_CASE("read_image applies the orientation of PNG files") {
  const Tensor stored = rgb(1, 2, {1, 2, 3, 250, 251, 252});
  for (const auto& [orientation, wanted] : {std::pair{1, stored}, std::pair{3, rgb(1, 2, {250, 251, 252, 1, 2, 3})},
                                            std::pair{6, rgb(2, 1, {1, 2, 3, 250, 251, 252})},
                                            std::pair{8, rgb(2, 1, {250, 251, 252, 1, 2, 3})}, std::pair{9, stored}}) {
    INFO(orientation);
    const std::string exif = png_chunk("eXIf", orientation_exif(orientation));
    CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 2, "\x01\x02\x03\xFA\xFB\xFC", exif)), wanted));
  }
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 2, "\x01\x02\x03\xFA\xFB\xFC", png_chunk("eXIf", "II"))),
                  stored));
}

TEST_CASE("read_image accepts Exif data with the signature of JPEG files") {
  const std::string exif = png_chunk("eXIf", "Exif\0\0"s + orientation_exif(3));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 2, "\x01\x02\x03\xFA\xFB\xFC", exif)),
                  rgb(1, 2, {250, 251, 252, 1, 2, 3})));
}

TEST_CASE("read_image applies Exif data after the pixels of a PNG file") {
  std::string file = png_file(2, 1, 8, 2, "\x01\x02\x03\xFA\xFB\xFC");
  file.insert(file.size() - 12, png_chunk("eXIf", orientation_exif(3)));
  CHECK(identical(read_bytes_as_image(file), rgb(1, 2, {250, 251, 252, 1, 2, 3})));
}

TEST_CASE("transparent pixels of a PNG file are drawn on white") {
  CHECK(identical(read_bytes_as_image(png_file(3, 1, 8, 6, "\x0A\x14\x1E\xFF\x0A\x14\x1E\0\0\0\xFF\x80"s)),
                  rgb(1, 3, {10, 20, 30, 255, 255, 255, 127, 127, 255})));
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 4, "\x64\xFF\x64\x33")),
                  rgb(1, 2, {100, 100, 100, 224, 224, 224})));  // (100 * 51 + 255 * 204) / 255
  const std::string palette = png_chunk("PLTE", "\x01\x02\x03\xFA\xFB\xFC") + png_chunk("tRNS", "\0"s);
  CHECK(identical(read_bytes_as_image(png_file(2, 1, 8, 3, "\0\1"s, palette)),
                  rgb(1, 2, {255, 255, 255, 250, 251, 252})));
}
