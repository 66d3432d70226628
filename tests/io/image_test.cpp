#include "framework/io/image.hpp"

#include <algorithm>
#include <cstdlib>

#include "framework/kernels/memory/memory_pool.hpp"
#include "framework/tensor/random.hpp"
#include "tests/io/image_files.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
using namespace std::string_literals;

namespace {

const Tensor photo = gradient(40, 56);

}  // namespace

TEST_CASE("read_image reads a JPEG file within the loss of the format") {
  const Tensor image = read_bytes_as_image(jpeg_file(photo));
  CHECK(image.dtype() == DType::uint8);
  CHECK(largest_difference(image, photo) <= 3);
}

TEST_CASE("read_image reads progressive and subsampled JPEG files") {
  for (const TJSAMP sampling : {TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440, TJSAMP_411}) {
    for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
      const std::string file = jpeg_file(photo.data<std::uint8_t>(), 40, 56, TJPF_RGB, sampling, flags);
      CHECK((file.find("\xFF\xC2") != std::string::npos) == (flags != 0));
      CHECK(largest_difference(read_bytes_as_image(file), photo) <= 8);
    }
  }
}

TEST_CASE("read_image reads up to 500 scans of a progressive JPEG file") {
  const std::string file = jpeg_file(photo.data<std::uint8_t>(), 8, 8, TJPF_RGB, TJSAMP_444, TJFLAG_PROGRESSIVE);
  std::vector<std::size_t> scans;  // their positions, and the end
  for (std::size_t at = 0; (at = file.find("\xFF\xDA", at)) != std::string::npos; ++at) scans.push_back(at);
  scans.push_back(file.rfind("\xFF\xD9"));
  // the scan of the last bits of the constant coefficients, which may come again: length 12, three components
  const auto again = std::ranges::find_if(scans, [&](std::size_t at) {
    return file.substr(at, 5) == "\xFF\xDA\0\x0C\3"s && file.substr(at + 11, 3) == "\0\0\x10"s;
  });
  REQUIRE(again != scans.end());
  const auto repeated = [&](std::int64_t count) {  // that scan, until there are `count` of them
    std::string longer = file;
    for (std::int64_t scan = std::ssize(scans) - 1; scan < count; ++scan) {
      longer.insert(*again, file.substr(*again, again[1] - *again));
    }
    return longer;
  };
  CHECK(read_bytes_as_image(repeated(500)).shape() == Shape{8, 8, 3});
  CHECK_THAT(error_of([&] { read_bytes_as_image(repeated(501)); }),
             Contains("read_image: expected ") && Contains(", got: more than 500 scans; in "));
}

TEST_CASE("read_image converts grey and CMYK JPEG files to RGB") {
  const Tensor grey = to_grey(photo);
  const Tensor image = read_bytes_as_image(jpeg_file(grey.data<std::uint8_t>(), 40, 56, TJPF_GRAY, TJSAMP_GRAY));
  for (const std::int64_t i : {0, 7, 39}) {
    for (const std::int64_t c : {0, 1, 2}) CHECK(std::abs(image.at({i, i, c}) - grey.at({i, i, 0})) <= 2);
  }
  // inverted as by Adobe's programs, where 255 is no ink; here with a third of the black ink
  std::string cmyk;
  for (int i = 0; i < 64; ++i) cmyk += "\xFF\x80\x00\xAA"s;
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(cmyk.data());
  const Tensor inked = read_bytes_as_image(jpeg_file(pixels, 8, 8, TJPF_CMYK));
  CHECK(std::abs(inked.at({3, 3, 0}) - 170) <= 3);
  CHECK(std::abs(inked.at({3, 3, 1}) - 170 * 128 / 255) <= 3);
  CHECK(inked.at({3, 3, 2}) <= 3);
}

TEST_CASE("CMYK inks are multiplied with black and rounded to the nearest value") {
  // in a uniform image, equal amounts of three inks pass through JPEG without loss
  for (int ink = 3; ink < 256; ink += 28) {
    for (int black = 5; black < 256; black += 25) {
      std::string cmyk;
      for (int i = 0; i < 64; ++i) cmyk += std::string(3, static_cast<char>(ink)) + static_cast<char>(black);
      const Tensor image =
          read_bytes_as_image(jpeg_file(reinterpret_cast<const std::uint8_t*>(cmyk.data()), 8, 8, TJPF_CMYK));
      INFO(ink << " " << black);
      CHECK(identical(image, Tensor::full({8, 8, 3}, std::round(ink * black / 255.0), DType::uint8)));
    }
  }
}

TEST_CASE("read_image applies the orientation of JPEG files") {
  // The stored row 0 is the visual top, top, bottom, bottom, left, right, right, left, and column 0 the visual left,
  // right, right, left, top, top, bottom, bottom (Exif 2.32, table of tag Orientation).
  const std::string file = jpeg_file(photo);
  const Tensor stored = read_bytes_as_image(file);
  const std::int64_t h = 40, w = 56;
  using Where = std::function<std::array<std::int64_t, 2>(std::int64_t, std::int64_t)>;  // visual -> stored
  const std::vector<Where> meaning{
      [](auto r, auto c) {
        return std::array{r, c};
      },
      [=](auto r, auto c) {
        return std::array{r, w - 1 - c};
      },
      [=](auto r, auto c) {
        return std::array{h - 1 - r, w - 1 - c};
      },
      [=](auto r, auto c) {
        return std::array{h - 1 - r, c};
      },
      [](auto r, auto c) {
        return std::array{c, r};
      },
      [=](auto r, auto c) {
        return std::array{h - 1 - c, r};
      },
      [=](auto r, auto c) {
        return std::array{h - 1 - c, w - 1 - r};
      },
      [=](auto r, auto c) {
        return std::array{c, w - 1 - r};
      },
  };
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO("orientation " << orientation);
    const Tensor image = read_bytes_as_image(with_orientation(file, orientation));
    REQUIRE(image.shape() == (orientation <= 4 ? Shape{h, w, 3} : Shape{w, h, 3}));
    bool right = true;
    for (std::int64_t r = 0; r < image.dim(0); ++r) {
      for (std::int64_t c = 0; c < image.dim(1); ++c) {
        const auto [y, x] = meaning[static_cast<std::size_t>(orientation - 1)](r, c);
        right = right && image.at({r, c, 0}) == stored.at({y, x, 0}) && image.at({r, c, 2}) == stored.at({y, x, 2});
      }
    }
    CHECK(right);
    CHECK(identical(read_bytes_as_image(with_orientation(file, orientation, true)), image));
  }
  for (const int nonsense : {0, 9, 60000})
    CHECK(identical(read_bytes_as_image(with_orientation(file, nonsense)), stored));
  CHECK(
      identical(read_bytes_as_image(file.substr(0, 2) + "\xFF\xE1\x00\x0A"s + "Exif\0\0II"s + file.substr(2)), stored));
}

TEST_CASE("read_image finds the orientation after other segments") {
  const std::string file = jpeg_file(photo), comment = "\xFF\xFE\0\x06note"s;
  const std::string xmp = "\xFF\xE1\0\x21http://ns.adobe.com/xap/1.0/\0<>"s, app13 =
                                                                                 "\xFF\xED\0\x05"
                                                                                 "abc"s;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    INFO(orientation);
    const std::string plain = with_orientation(file, orientation);
    const Tensor wanted = read_bytes_as_image(plain);
    for (const std::string& before : {comment, xmp, app13, comment + xmp + app13 + comment}) {
      CHECK(identical(read_bytes_as_image(plain.substr(0, 2) + before + plain.substr(2)), wanted));
    }
    const std::size_t tables = plain.find("\xFF\xDB");  // after APP1 and APP0, before the tables
    const std::string exif = plain.substr(2, 4 + 6 + orientation_exif(1).size());
    CHECK(identical(read_bytes_as_image(file.substr(0, file.find("\xFF\xDB")) + exif + plain.substr(tables)), wanted));
  }
}

TEST_CASE("read_image accepts Exif data padded with 255") {
  const std::string file = jpeg_file(photo);
  std::string other = with_orientation(file, 6);
  const Tensor wanted = read_bytes_as_image(other);
  other.replace(other.find("Exif"), 6, "Exif\0\xFF"s);
  CHECK(identical(read_bytes_as_image(other), wanted));
}

TEST_CASE("read_image accepts files for which libjpeg only warns, and rejects truncated ones") {
  const std::string file = jpeg_file(photo);
  const Tensor wanted = read_bytes_as_image(file);
  const auto inserted = [&](std::size_t at, const std::string& bytes) {
    return file.substr(0, at) + bytes + file.substr(at);
  };
  std::string version = file, scan = file;
  version[file.find("JFIF") + 5] = 9;
  const std::size_t parameters = file.find("\xFF\xDA") + 2 + 2 + 1 + 6;  // length, components, a table for each
  REQUIRE(scan.substr(parameters, 3) == "\0\x3F\0"s);
  scan[parameters + 1] = 5;  // the last coefficient, which has no meaning in a baseline file
  const std::string adobe =
      "\xFF\xEE\0\x0E"
      "Adobe\0\x64\0\0\0\0\x07"s;  // an unknown transform, which is used only without JFIF
  const std::vector<std::string> remarked{version,
                                          scan,
                                          inserted(2, std::string(3, '\0')),
                                          inserted(file.find("\xFF\xDB"), "junk"),
                                          inserted(file.size() - 2, "\0\0"s),
                                          file.substr(0, 2) + adobe + file.substr(20)};
  for (std::size_t i = 0; i < remarked.size(); ++i) {
    INFO(i);
    CHECK(identical(read_bytes_as_image(remarked[i]), wanted));
    const std::string& bytes = remarked[i];
    CHECK_THAT(image_error_for(bytes.substr(0, file.size() * 3 / 4)),
               Contains("an undamaged JPEG file, got: Premature end"));
    CHECK_THAT(image_error_for(bytes.substr(0, file.size() * 3 / 4) + "\xFF\xD9"),
               Contains("premature end of data segment"));
  }
}

TEST_CASE("read_image rejects files that are truncated at any byte") {
  const std::string jpeg = jpeg_file(gradient(24, 24)), png = png_file(2, 2, 8, 2, "abcdefghijkl");
  for (std::size_t length = 0; length < jpeg.size() - 2; length += 7) image_error_for(jpeg.substr(0, length));
  CHECK_THAT(image_error_for(jpeg.substr(0, jpeg.size() - 2)), Contains("an undamaged JPEG file, got: Premature end"));
  const std::size_t end = png.size() - 12;  // the empty chunk after the pixels
  for (std::size_t length = 0; length < end; ++length) image_error_for(png.substr(0, length));
  CHECK_THAT(image_error_for(png.substr(0, end - 8)), Contains("an undamaged PNG file, got: "));
}

TEST_CASE("read_image rejects pixels with a wrong checksum, and other formats") {
  std::string png = png_file(2, 2, 8, 2, "abcdefghijkl");
  png[png.size() - 12 - 6] ^= 1;
  CHECK_THAT(image_error_for(png), Contains("an undamaged PNG file"));
  CHECK_THAT(image_error_for(""), Contains("read_image: expected a JPEG or PNG file, got another or an empty one: "));
  CHECK_THAT(image_error_for("GIF89a"),
             Contains("read_image: expected a JPEG or PNG file, got another or an empty one: "));
  CHECK_THAT(image_error_for("\xFF\xD8\xFF\xE0 and then text"),
             Contains("read_image: expected a JPEG header, got: Premature end of JPEG file; in "));
  CHECK_THAT(image_error_for("\x89PNG\r\n\x1A\n and then text"), Contains("a PNG header"));
}

TEST_CASE("read_image handles any changed bytes of a file") {
  const std::string jpeg = with_orientation(jpeg_file(gradient(16, 24)), 6);
  const std::string png = png_file(4, 2, 8, 2, "abcdefghijklmnopqrstuvwx", png_chunk("gAMA", big_endian(45455)));
  const TemporaryFolder folder;
  for (const std::string& whole : {jpeg, png}) {
    for (std::size_t i = 0; i < whole.size(); i += 1 + whole.size() / 200) {
      for (const char bits : {'\x01', '\x80', '\xFF'}) {
        std::string damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ bits);
        write_bytes(folder / "image", damaged);
        const auto fault = [&](auto read) -> std::string {
          try {
            read(folder / "image");
            return "";  // not every byte has an effect, and JPEG has no checksums
          } catch (const Error& error) {
            return error.what();
          }
        };
        CHECK(fault(check_image) == fault(read_image));
      }
    }
  }
}

TEST_CASE("read_image allocates no memory for pixels that are not in the file") {
  const std::size_t before = kernels::pool_usage().held;
  const std::string png = "\x89PNG\r\n\x1A\n" +
                          png_chunk("IHDR", big_endian(900'000) + big_endian(900'000) + "\x08\x02\0\0\0"s) +
                          png_chunk("IDAT", "some");
  CHECK_THAT(image_error_for(png), Contains("read_image: expected 1 to 268435456 pixels, got 900000 x 900000 in "));
  std::string jpeg = jpeg_file(gradient(8, 8));
  const std::size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, "\xFF\x01\xFF\x02");  // height and width
  CHECK_THAT(image_error_for(jpeg), Contains("read_image: expected 1 to 268435456 pixels, got 65281 x 65282 in "));
  CHECK(kernels::pool_usage().held == before);
}

TEST_CASE("read_image reads files of several MiB") {
  const TemporaryFolder folder;
  const Tensor noise = RandomStream(1).uniform({1000, 1001, 3}, 0, 256).to(DType::uint8);  // nothing to compress
  write_png(folder / "a.png", noise);
  CHECK(std::filesystem::file_size(folder / "a.png") > 2'900'000);
  CHECK(identical(read_image(folder / "a.png"), noise));
}

TEST_CASE("read_image does not read files above 1 GiB") {
  const TemporaryFolder folder;
  std::ofstream(folder / "a.png") << "\x89PNG";
  std::filesystem::resize_file(folder / "a.png", (std::uintmax_t{1} << 30) + 1);  // a sparse file
  CHECK(error_of([&] { read_image(folder / "a.png"); }) ==
        fmt::format("read_image: expected a file of at most 1 GiB, got 1073741825 bytes in {}",
                    (folder / "a.png").string()));
}

TEST_CASE("read_image names missing files and folders") {
  const TemporaryFolder folder;
  CHECK_THAT(error_of([&] { read_image(folder / "none"); }),
             Contains((folder / "none").string()) && Contains("read_image: expected a file that can be read, got ") &&
                 Contains("No such file or directory"));
  CHECK_THAT(error_of([&] { read_image(folder.path()); }),
             Contains("read_image: expected a file, got ") && Contains("which is a folder"));
}

TEST_CASE("write_png writes files that read_image reads, and rejects tensors that are not images") {
  const TemporaryFolder folder;
  write_png(folder / "a.png", photo);
  CHECK(identical(read_image(folder / "a.png"), photo));
  const Tensor grey = to_grey(photo);
  write_png(folder / "a.png", grey);
  CHECK(identical(to_grey(read_image(folder / "a.png")), grey));
  CHECK(entries_in(folder.path()) == 1);
  const auto error = [&](const Tensor& image) { return error_of([&] { write_png(folder / "b.png", image); }); };
  CHECK(
      error(photo.to(DType::float32)) ==
      "encode_png: expected an image (height, width, 3 or 1) of uint8 with 1 to 2^28 pixels, got float32 (40, 56, 3)");
  CHECK(error(photo.reshaped({40, 168})) ==
        "encode_png: expected an image (height, width, 3 or 1) of uint8 with 1 to 2^28 pixels, got uint8 (40, 168)");
  CHECK(error_of([&] { write_png(folder / "none" / "b.png", grey); }) ==
        "write_png: expected to write " + (folder / "none/b.png").string() + ", got no folder " +
            (folder / "none").string() + "; make it first");
  CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("a side of an image may be longer than a million pixels") {
  for (const Shape& shape : {Shape{1, 1'000'001, 1}, Shape{1'000'001, 1, 1}}) {
    Tensor image = Tensor::zeros(shape, DType::uint8);
    image.mutable_data<std::uint8_t>()[1'000'000] = 200;
    const TemporaryFolder folder;
    write_png(folder / "long.png", image);
    check_image(folder / "long.png");
    CHECK(identical(to_grey(read_image(folder / "long.png")), image));
  }
}

TEST_CASE("to_grey uses the weights of ITU-R BT.601") {
  CHECK(error_of([] { to_grey(Tensor()); }) ==
        "to_grey: expected an image (height, width, 3) of uint8, got an undefined tensor");
  const Tensor image = rgb(2, 2, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255});
  CHECK(identical(to_grey(image), Tensor::of({2, 2, 1}, {76, 150, 29, 255}, DType::uint8)));
  CHECK(error_of([&] {
          to_grey(image.reshaped({2, 6}));
        }) == "to_grey: expected an image (height, width, 3) of uint8, got uint8 (2, 6)");
}
