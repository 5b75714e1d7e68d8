# What is installed: the agent, its plugins, the contract, and how to build a plugin against it.
include(CMakePackageConfigHelpers)

install(TARGETS runbookd RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/runbookd DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS runbookd_probe EXPORT runbookd)
install(EXPORT runbookd NAMESPACE runbookd:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/runbookd
        FILE runbookdTargets.cmake)

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/runbookdConfig.cmake @ONLY CONTENT [[
# find_package(runbookd) brings runbookd::probe (the contract's header) and runbookd_add_plugin().
include("${CMAKE_CURRENT_LIST_DIR}/runbookdTargets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/RunbookdPlugin.cmake")
get_filename_component(RUNBOOKD_PLUGIN_DIR "${CMAKE_CURRENT_LIST_DIR}/../../runbookd/plugins" ABSOLUTE)
]])
write_basic_package_version_file(${CMAKE_BINARY_DIR}/runbookdConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/runbookdConfig.cmake ${CMAKE_BINARY_DIR}/runbookdConfigVersion.cmake
        cmake/RunbookdPlugin.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/runbookd)

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/runbookd.pc @ONLY CONTENT [[
prefix=@CMAKE_INSTALL_PREFIX@
includedir=${prefix}/@CMAKE_INSTALL_INCLUDEDIR@
plugindir=${prefix}/@CMAKE_INSTALL_LIBDIR@/runbookd/plugins

Name: runbookd
Description: the contract between runbookd and its probe plugins (headers only)
Version: @PROJECT_VERSION@
Cflags: -I${includedir}
]])
install(FILES ${CMAKE_BINARY_DIR}/runbookd.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES packaging/man/runbookd.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES packaging/man/runbookd.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY packaging/grafana packaging/collectors DESTINATION ${CMAKE_INSTALL_DATADIR}/runbookd)
file(READ packaging/systemd/runbookd.service unit)
string(REPLACE "/usr/local/bin" "${CMAKE_INSTALL_FULL_BINDIR}" unit "${unit}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/runbookd.service @ONLY CONTENT "${unit}")
install(FILES ${CMAKE_BINARY_DIR}/runbookd.service DESTINATION lib/systemd/system)
install(DIRECTORY scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/runbookd)
