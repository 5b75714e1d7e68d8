# How everything of ours is compiled.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON) # _GNU_SOURCE below
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

add_library(rb_flags INTERFACE)
target_compile_definitions(rb_flags INTERFACE _GNU_SOURCE)
target_compile_options(rb_flags INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wundef -Wformat=2 -Wwrite-strings -Wno-missing-field-initializers
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition>
  -fno-common -fstack-protector-strong
  $<$<BOOL:${RUNBOOKD_WERROR}>:-Werror>)
target_link_options(rb_flags INTERFACE LINKER:-z,relro,-z,now)

if(NOT RUNBOOKD_SANITIZE AND CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(rb_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
if(RUNBOOKD_SANITIZE)
  target_compile_options(rb_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(rb_flags INTERFACE -fsanitize=address,undefined)
endif()
if(RUNBOOKD_FUZZ)
  target_compile_options(rb_flags INTERFACE -fsanitize=address,undefined,fuzzer-no-link)
  target_link_options(rb_flags INTERFACE -fsanitize=address,undefined)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
