/* --version: what this build is made of. */
#ifndef EV_CLI_VERSION_H
#define EV_CLI_VERSION_H

#include <stdio.h>

#include "cli/options.h"

void version_print(const struct tool *t, FILE *to);

#endif
