# Functions of ./run and the scripts in tools/: packages, configuring, building, counting tests. To be sourced.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(g++ meson ninja-build pkg-config libxtensor-dev libxtensor-blas-dev libopenblas-dev libfmt-dev catch2
          libhdf5-dev libgraphviz-dev zlib1g-dev libturbojpeg0-dev libjpeg62-turbo-dev libpng-dev libexif-dev libzip-dev libcli11-dev
          nlohmann-json3-dev libprotobuf-dev protobuf-compiler libonnx-dev dataset-fashion-mnist)
# For tests only; xtape does not need them.
test_packages=(cmake libxml2-utils python3-h5py python3-pil openmpi-bin libopenmpi-dev libonnx-testdata)
build=${XTAPE_BUILD:-build}
# By default a compiler cache does not cache files that use a precompiled header; this option enables it.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
# Without this option a change of comments alone would give an old precompiled header, which gcc rejects. The option needs
# gcc's -fpch-deps, which meson.build sets.
export CCACHE_DEPEND=${CCACHE_DEPEND:-1}

# Prints those of the given Debian packages that are not installed.
missing_packages() {
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == "install ok installed" ]] || echo "$package"
  done
}

# Installs Debian packages if possible; otherwise prints what to do.
need() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    [[ -e $build/build.ninja ]] ||
      echo "This is not a Debian-like system. xtape needs what these Debian packages hold: $*" >&2
    return
  fi
  local missing
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [[ -n ${missing// /} ]] || return 0
  if [[ $(id -u) != 0 ]]; then
    echo "These packages are missing: ${missing}" >&2
    echo "Install them with: sudo apt-get install ${missing}" >&2
    return
  fi
  echo "Installing ${missing}..."
  local log
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086  # one word for each package
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    echo "apt-get could not install ${missing}; continuing with what is there." >&2
  }
  rm -f "$log"
}

# Makes the named virtual environment of Python and installs Python packages in it.
python_environment() {
  local folder=$1
  shift
  need python3-venv
  [[ -e $folder/bin/pip ]] || /usr/bin/python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
}

configure() {
  need "${packages[@]}"
  if ! command -v meson >/dev/null; then
    echo "meson is needed to build (>= 1.0)" >&2
    exit 1
  fi
  [[ -e $build/build.ninja ]] || meson setup "$build" --buildtype=release -Dwerror=true "$@" || exit 1
}

# Whether the configured build has this target.
is_target() { ninja -C "$build" -t query "$1" >/dev/null 2>&1; }

# Configures again if a target is missing whose package is installed: it may have come after the build was configured.
find_again() {
  if ! is_target "$1" && [[ -z $(missing_packages "$2") ]]; then
    # not "meson setup --clearcache", which Debian 12's meson does not have
    meson configure --clearcache "$build" >/dev/null
    meson setup --reconfigure "$build" >/dev/null
  fi
}

# Builds the named targets, by default all. Shows the progress on a terminal; otherwise prints only errors, to standard error,
# because standard output belongs to the program.
build_targets() {
  if [[ -t 1 ]]; then ninja -C "$build" "$@"; else ninja --quiet -C "$build" "$@" >&2; fi
}

# The names of the examples, which are the list in examples/meson.build.
example_names() { sed -n "/'quickstart'/,/\]/p" examples/meson.build | grep -o "'[a-z_]*'" | tr -d "'"; }

# Builds one of the programs in examples/. Prints nothing to standard output, which belongs to the program. Processes that
# mpirun starts at the same time wait for each other, unless the file system has no locks.
build_program() {
  mkdir -p "$build"
  (
    flock 9 || true
    configure >&2
    build_targets "examples/$1"
  ) 9>"$build/.lock"
}

# Builds one of the programs in examples/ and replaces this process by it.
run_program() {
  local program=$1
  shift
  build_program "$program"
  exec "$build/examples/$program" "$@"
}

# Adds up the counts of the test programs and names the cases that failed; a program without a count is one test.
count_tests() {
  awk '
    function fail() { failed++; reasons[++reason] = "failed: " program " (" result ")" }
    function close_section() {
      if (!open) return
      if (!counted) { if (status == "0") passed++; else if (status == "77") skipped++; else fail() }
      else if (status != "0" && !failures) fail()
      open = 0
    }
    /^=+ [0-9]+\/[0-9]+ =+$/ { close_section(); open = 1; counted = 0; failures = 0; status = "?"; result = "no result" }
    /^test:    / { program = substr($0, 15) }
    /^result:       / { sub(/^result: +/, ""); result = $0; status = /^exit/ ? $3 : "?" }
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { counted = 1; passed += $1; failed += $3; failures = $3; skipped += $5 }
    /^(skipped|failed): / { reasons[++reason] = $0 }
    END {
      close_section()
      for (i = 1; i <= reason; i++) print reasons[i]
      printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
      exit failed > 0 || passed == 0
    }' "$build/meson-logs/testlog.txt"
}

test_and_count() {
  local status=0
  # Some tests wait for processes most of the time.
  meson test -C "$build" --no-rebuild --print-errorlogs --num-processes "$(($(nproc) + 2))" "$@" || status=$?
  count_tests | tee -a "${XTAPE_TEST_COUNTS:-/dev/null}" || status=1
  return "$status"
}

# Installs and builds what the named tests need: their programs, or everything for all tests and for those of the examples.
build_tests() {
  need "${test_packages[@]}"
  find_again framework/xtape-mpi.so libopenmpi-dev
  local programs=() name
  for name in "$@"; do
    if [[ $name == example* ]]; then
      programs=()
      break
    fi
    programs+=("tests/test_$name")
  done
  build_targets "${programs[@]}"
}

