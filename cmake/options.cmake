add_library(assent_options INTERFACE)
target_include_directories(assent_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(assent_options INTERFACE _GNU_SOURCE ASSENT_VERSION="${PROJECT_VERSION}")
target_compile_options(assent_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wswitch
  -Werror=return-type -Werror=switch -fstack-protector-strong)
if(ASSENT_SANITIZE)
  list(JOIN ASSENT_SANITIZE "," ASSENT_SANITIZERS)
  target_compile_options(assent_options INTERFACE -fsanitize=${ASSENT_SANITIZERS} -fno-omit-frame-pointer)
  target_link_options(assent_options INTERFACE -fsanitize=${ASSENT_SANITIZERS})
endif()
