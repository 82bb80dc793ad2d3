# How a room of the house is built. One static library a room; what it gives to others is PUBLIC, its third parties are
# PRIVATE, so that a room which includes another's library does not compile.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(iotc_ha_flags INTERFACE)
target_include_directories(iotc_ha_flags INTERFACE "${PROJECT_SOURCE_DIR}/include")
target_compile_definitions(iotc_ha_flags INTERFACE "IOTC_HA_VERSION=\"${PROJECT_VERSION}\"")
target_compile_options(iotc_ha_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-qual -Wformat=2 -Wnull-dereference -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 at -O2 reports variants of strings as uninitialised and std::string's operator+ as overlapping (GCC bugs
  # 105562, 105651): both gone in GCC 13. -Wnull-dereference follows impossible paths of std::variant likewise.
  target_compile_options(iotc_ha_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-null-dereference)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Instead of clang-tidy's bugprone-reserved-identifier, which takes a seventh of its time for the system's headers.
  target_compile_options(iotc_ha_flags INTERFACE -Wreserved-identifier)
endif()
# The libraries are linked by what is needed of them, not by what their .pc files list.
target_link_options(iotc_ha_flags INTERFACE -Wl,--as-needed)
if(IOTC_HA_SANITIZE)
  # Without vptr, which opens a pipe to learn whether an object can be read: in a test that has used up its descriptors it
  # finds none good.
  target_compile_options(iotc_ha_flags INTERFACE -fsanitize=${IOTC_HA_SANITIZE} -fno-sanitize=vptr
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(iotc_ha_flags INTERFACE -fsanitize=${IOTC_HA_SANITIZE})
endif()

# With CMAKE_UNITY_BUILD a compiler reads the headers once for so many files of a room, most of what it does for them.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 10)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The first compares names of files that have nothing to do with each other, the second takes an included source for a
  # header. Where each file is compiled by itself both are on.
  target_compile_options(iotc_ha_flags INTERFACE -Wno-shadow -Wno-subobject-linkage)
endif()

# iotc_ha_room(<name> SOURCES <file>... [ROOMS <room>...] [LIBRARIES <target>...])
#   ROOMS      rooms whose headers this one may include
#   LIBRARIES  third parties: PRIVATE to this room
function(iotc_ha_room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "SOURCES;ROOMS;LIBRARIES")
  add_library(iotc_ha_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(iotc_ha_${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(iotc_ha_${name} PRIVATE iotc_ha_flags ${ROOM_LIBRARIES})
  foreach(other IN LISTS ROOM_ROOMS)
    target_link_libraries(iotc_ha_${name} PUBLIC iotc_ha_${other})
  endforeach()
endfunction()
