/* version - what this is, and with which libraries it runs. */
#include <ares.h>
#include <curl/curl.h>
#include <jansson.h>
#include <lua.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <uv.h>
#include <yaml.h>

#include "app/command.h"
#include "runbookd/probe.h"

int cmd_version(const struct options *options)
{
    (void)options;
    (void)printf(
        "runbookd %s\nplugin contract %u.%u\n", RUNBOOKD_VERSION, PROBE_ABI_MAJOR, PROBE_ABI_MINOR);
    (void)printf("libuv %s, c-ares %s, libcurl %s, jansson %s, libyaml %s, %s, %s\n",
                 uv_version_string(),
                 ares_version(NULL),
                 curl_version_info(CURLVERSION_NOW)->version,
                 jansson_version_str(),
                 yaml_get_version_string(),
                 OpenSSL_version(OPENSSL_VERSION),
                 LUA_RELEASE);
    return EXIT_FINE;
}
