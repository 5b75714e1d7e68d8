/*
 * plugin_file - whether a plugin's file and its folder are safe to load code from.
 *
 * Layer: probe.  Part of probe/plugin.
 */
#ifndef PROBE_PLUGIN_FILE_H
#define PROBE_PLUGIN_FILE_H

#include "base/error.h"

enum { PLUGIN_IDENTITY_LEN = 48 };

/* Zero, with what tells this file from a later one (size and time of change); or an error. */
int plugin_check_file(const char *path, char identity[PLUGIN_IDENTITY_LEN], struct error *error);
int plugin_check_folder(const char *folder, struct error *error);

#endif
