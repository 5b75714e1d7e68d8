/*
 * signer - signs what a person decides, by ssh-keygen and that person's key.
 *
 * The key may lie in a file, in an agent (then its public part is named) or in a security key;
 * ssh-keygen asks for what it needs on the terminal.
 *
 * Layer: app.  Uses: base, incident/statement.
 */
#ifndef APP_SIGNER_H
#define APP_SIGNER_H

#include "base/text.h"
#include "incident/statement.h"

/* Adds the signature of `statement` with the key in the file `key`.  False, which is said: none. */
bool signer_sign(const char *key, const struct statement *statement, struct text *out);

#endif
