/* evcat --describe: the fields of a source, their types, which look like a time, and the disorder. */
#ifndef EV_CLI_DESCRIBE_H
#define EV_CLI_DESCRIBE_H

#include "cli/stage.h"

/* Reads all that `next` gives, which counts it as a result, and prints a table; the exit code. */
int describe(struct stage *st, bool (*next)(struct event *ev));

#endif
