# Build helpers: one place for flags, sanitizers and test registration.

find_program(IMI_CCACHE ccache)
if(IMI_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${IMI_CCACHE})
endif()

# CHECK is always compiled in, so NDEBUG has no effect on the project's code. -O2 is the
# release level.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

add_library(imi_flags INTERFACE)
target_include_directories(imi_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(imi_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Wconversion -Wno-sign-conversion -Wimplicit-fallthrough -fno-omit-frame-pointer)
if(IMI_WERROR)
  target_compile_options(imi_flags INTERFACE -Werror)
endif()
if(IMI_SANITIZE)
  string(REPLACE ";" "," imi_sanitizers "${IMI_SANITIZE}")
  add_compile_options(-fsanitize=${imi_sanitizers} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${imi_sanitizers})
endif()

# Most of a compilation is the same headers again: sources of a target are compiled together.
# OFF compiles each alone (what editors and clang-tidy want).
option(IMI_UNITY "Compile several sources of a target together" ON)

# imi_module(<target> SOURCES ... PUBLIC ... PRIVATE ...): a static library of one module.
function(imi_module target)
  cmake_parse_arguments(R "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${target} STATIC ${R_SOURCES})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${IMI_UNITY} UNITY_BUILD_BATCH_SIZE 12)
  target_link_libraries(${target} PUBLIC imi_flags ${R_PUBLIC} PRIVATE ${R_PRIVATE})
endfunction()

# imi_test(<name> LABELS ... SOURCES ... LINK ...): a doctest binary registered with ctest. All of
# them run under the sanitizers too (label asan); `tsan` is for those that use
# several threads.
function(imi_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  add_executable(${name} ${T_SOURCES} ${CMAKE_SOURCE_DIR}/tests/unit/main.cpp)
  target_link_libraries(${name} PRIVATE imi_flags ${T_LINK})
  # Tests spend their time in the modules, which are optimised; compiling them faster is worth more.
  target_compile_options(${name} PRIVATE -O0 -g0)
  if(IMI_SANITIZE MATCHES "undefined")
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined)
  endif()
  if(IMI_SANITIZE MATCHES "fuzzer-no-link")
    target_compile_options(${name} PRIVATE -fno-sanitize=fuzzer-no-link)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS};asan" TIMEOUT ${T_TIMEOUT}
    ENVIRONMENT "IMI_SOURCE_DIR=${CMAKE_SOURCE_DIR};IMI_BINARY_DIR=${CMAKE_BINARY_DIR}")
endfunction()

# The programs' allocator: jemalloc saves a quarter of a node's CPU and keeps its memory from
# fragmenting (bench/README.md). Sanitizers bring their own.
find_library(IMI_JEMALLOC jemalloc)
add_library(imi_allocator INTERFACE)
if(IMI_JEMALLOC AND NOT IMI_SANITIZE)
  target_link_libraries(imi_allocator INTERFACE -Wl,--no-as-needed ${IMI_JEMALLOC} -Wl,--as-needed)
endif()
