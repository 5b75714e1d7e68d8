/*
 * sign - Stripe's signature of a webhook, scheme v1: what stands in the header Stripe-Signature.
 *
 * "t=SECONDS,v1=HEX", where HEX is HMAC-SHA256 of "SECONDS.BODY" with the whole signing secret
 * (whsec_...) as the key.  Receivers refuse a time that is more than five minutes old.  Pure.
 */
#ifndef STRIPE_SIGN_H
#define STRIPE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIGN_HEADER = 128 };

/* False, and "", where the signature cannot be made. */
bool sign_header(char out[SIGN_HEADER], const char *secret, int64_t seconds, const char *body);

#endif
