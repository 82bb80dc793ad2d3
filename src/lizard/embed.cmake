# Writes a C++ source with files in it, for embedded_files.hpp.
#   cmake -D OUTPUT=FILE.cpp -D "FILES=FILE;FILE..." -P embed.cmake
set(arrays "")
set(cases "")
set(number 0)
foreach(file IN LISTS FILES)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  cmake_path(GET file FILENAME name)
  string(APPEND arrays "constexpr char k_file_${number}[] = {${bytes}};\n")
  string(APPEND cases "  if (name == \"${name}\") return {k_file_${number}, sizeof k_file_${number}};\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"embedded_files.hpp\"

namespace iotc_ha::lizard {
namespace {

${arrays}
}  // namespace

std::string_view embedded_file(std::string_view name) {
${cases}  return {};
}

}  // namespace iotc_ha::lizard
")
