/*
 * http_proxy - the proxy variables of the environment: http_proxy, https_proxy, all_proxy, no_proxy.
 *
 * Layer: io.  Uses: base, io/http_place.
 */
#ifndef IO_HTTP_PROXY_H
#define IO_HTTP_PROXY_H

#include "io/http_place.h"

/*
 * The proxy for `target`: 1 and `*proxy` filled, zero if there is none, -EINVAL where the
 * variable cannot be understood.  no_proxy holds names, which stand for what lies under them too,
 * addresses and networks ("10.0.0.0/8"); "*" stands for everything.
 */
int http_proxy_find(struct http_place *proxy, const struct http_place *target, struct error *error);

#endif
