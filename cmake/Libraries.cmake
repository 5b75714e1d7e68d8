# The libraries that Debian 12 ships; packaging/install-deps.sh installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(pair
    "UV=libuv>=1.44" "CARES=libcares>=1.18" "CURL=libcurl>=7.88" "SSL=openssl>=3.0" "LUA=lua5.4"
    "JANSSON=jansson>=2.14" "YAML=yaml-0.1" "SQLITE=sqlite3>=3.40" "MHD=libmicrohttpd>=0.9.75"
    "ZLIB=zlib" "ZSTD=libzstd" "PQ=libpq" "HIREDIS=hiredis")
  string(REPLACE "=" ";" parts "${pair}")
  list(GET parts 0 name)
  string(REGEX REPLACE "^[A-Z]+=" "" spec "${pair}")
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${spec})
endforeach()
# Its header alone: the sink "kafka" loads the library when it is needed, and says so where it is missing.
pkg_check_modules(RDKAFKA IMPORTED_TARGET rdkafka>=1.0)
# The same: a calendar whose events recur loads it.
pkg_check_modules(ICAL IMPORTED_TARGET libical>=3.0)
