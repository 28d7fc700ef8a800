/* evcat --describe: the fields of a source, their types, which look like a time, and the disorder. */
#ifndef EV_CLI_DESCRIBE_H
#define EV_CLI_DESCRIBE_H

#include "cli/stage.h"

/* Reads the stage's input to its end and prints a table; the exit code. */
int describe(struct stage *st);

#endif
